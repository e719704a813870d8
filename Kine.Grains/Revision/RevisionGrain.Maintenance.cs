using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Grains.Maintenance;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

public sealed partial class RevisionGrain
{
    private long _bytesSinceSize;
    private bool _readingSize;
    private StoreSize _latestSize;

    /// <inheritdoc/>
    public Task<AlarmResponse> Alarm(AlarmRequest request) => Submit(state =>
    {
        var reply = new AlarmResponse { Header = state.Header() };
        switch (request.Action)
        {
            case AlarmRequest.Types.AlarmAction.Get:
                foreach ((var member, var alarm) in state.Alarms)
                {
                    if (request.Alarm == AlarmType.None || request.Alarm == alarm)
                    {
                        reply.Alarms.Add(new AlarmMember { MemberID = member, Alarm = alarm });
                    }
                }

                break;
            case AlarmRequest.Types.AlarmAction.Activate when request.Alarm != AlarmType.None:
                AlarmRules.Activate(state, request.MemberID, request.Alarm);
                reply.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });
                break;
            case AlarmRequest.Types.AlarmAction.Deactivate:
                if (AlarmRules.Deactivate(state, request.MemberID, request.Alarm))
                {
                    reply.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });
                }

                break;
        }

        return reply;
    });

    /// <inheritdoc/>
    public async Task<StatusResponse> Status()
    {
        var published = View.State;
        var size = await LatestSize();
        var reply = new StatusResponse
        {
            Header = local.Identity.Header(published.Revision, published.Term),
            Version = options.EtcdVersion,
            DbSize = size.Total,
            DbSizeInUse = size.InUse,
            DbSizeQuota = options.QuotaBackendBytes,
            Leader = local.Identity.MemberId,
            RaftIndex = (ulong)published.Revision,
            RaftAppliedIndex = (ulong)published.Revision,
            RaftTerm = published.Term,
            StorageVersion = StorageVersion(options.EtcdVersion),
        };
        foreach ((var member, var alarm) in State.Alarms)
        {
            reply.Errors.Add($"memberID:{member} alarm:{alarm.ToString().ToUpperInvariant()} ");
        }

        return reply;
    }

    /// <inheritdoc/>
    public async Task<DefragmentResponse> Defragment()
    {
        try
        {
            await _store.Defragment(CancellationToken.None);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "Defragment failed");
            throw EtcdErrors.TimedOut;
        }

        State.Quota.Set(await _store.Size(CancellationToken.None));
        return new DefragmentResponse();
    }

    /// <inheritdoc/>
    public async Task<HashResponse> Hash()
    {
        var published = View.State;
        var hash = await KvHash.Of(View, _store, 0, whole: true, CancellationToken.None);
        return new HashResponse { Header = local.Identity.Header(published.Revision, published.Term), Hash = hash.Hash };
    }

    /// <inheritdoc/>
    public async Task<HashKVResponse> HashKV(HashKVRequest request)
    {
        var published = View.State;
        var hash = await KvHash.Of(View, _store, request.Revision, whole: false, CancellationToken.None);
        return new HashKVResponse
        {
            Header = local.Identity.Header(published.Revision, published.Term),
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision,
            HashRevision = hash.Revision,
        };
    }

    /// <inheritdoc/>
    public Task<MemberListResponse> MemberList() => Submit(state =>
    {
        var header = state.Header();
        header.Revision = 0; // the Cluster service carries none
        var reply = new MemberListResponse { Header = header };
        reply.Members.Add(new Member { ID = local.Identity.MemberId, Name = "kine", ClientURLs = { options.ClientUrl } });
        return reply;
    });

    // Who asks for the status of a server whose store is away wants an answer most of all.
    private async Task<StoreSize> LatestSize()
    {
        try
        {
            _latestSize = await _store.Size(CancellationToken.None);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning("Status tells an earlier size of the store: {Reason}", error.Message);
        }

        return _latestSize;
    }

    // "3.6.0" for 3.6.11; releases before 3.6 report none.
    private static string StorageVersion(string version) =>
        System.Version.TryParse(version, out var parsed) && parsed >= new System.Version(3, 6) ? $"{parsed.Major}.{parsed.Minor}.0" : "";

    private void RefreshQuota(long appended)
    {
        _bytesSinceSize += appended;
        if (options.QuotaBackendBytes > 0 && !_readingSize && _bytesSinceSize > options.QuotaBackendBytes / 1000)
        {
            _readingSize = true;
            _bytesSinceSize = 0;
            _ = ReadSize();
        }
    }

    private async Task ReadSize()
    {
        try
        {
            State.Quota.Set(await _store.Size(CancellationToken.None));
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "The store's size could not be read");
        }
        finally
        {
            _readingSize = false;
        }
    }
}
