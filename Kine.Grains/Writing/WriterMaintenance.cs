using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Reads;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>What operators ask of the writer (etcd v3 API, Maintenance and Cluster).</summary>
internal sealed class WriterMaintenance(WriteLoop loop, ProcessState local, WriterOptions options, ILogger log)
{
    /// <summary>Storage version of the etcd that is emulated: 3.6.0 for 3.6.11; releases before 3.6 report none.</summary>
    public string StorageVersion { get; } = Version.TryParse(options.EtcdVersion, out var parsed) && parsed >= new Version(3, 6) ? $"{parsed.Major}.{parsed.Minor}.0" : "";

    private KeyspaceView View => local.Writer ?? throw EtcdErrors.NoLeader;

    /// <summary>etcd v3 API, Maintenance.Alarm.</summary>
    public Task<AlarmResponse> Alarm(AlarmRequest request) => loop.Submit(state =>
    {
        var reply = new AlarmResponse { Header = state.Header() };
        switch (request.Action)
        {
            case AlarmRequest.Types.AlarmAction.Get:
                foreach ((var member, var alarm) in state.Alarms)
                {
                    if (request.Alarm == AlarmType.None || request.Alarm == alarm)
                        reply.Alarms.Add(new AlarmMember { MemberID = member, Alarm = alarm });
                }

                break;
            case AlarmRequest.Types.AlarmAction.Activate when request.Alarm != AlarmType.None:
                state.Activate(request.MemberID, request.Alarm);
                reply.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });
                break;
            case AlarmRequest.Types.AlarmAction.Deactivate:
                if (state.Deactivate(request.MemberID, request.Alarm))
                    reply.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });

                break;
        }

        return reply;
    });

    /// <summary>etcd v3 API, Maintenance.Status. Answered while the store is away, too.</summary>
    public async Task<StatusResponse> Status()
    {
        var published = View.State;
        var size = await loop.State.Quota.Latest();
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
            StorageVersion = StorageVersion,
        };
        foreach ((var member, var alarm) in loop.State.Alarms)
            reply.Errors.Add($"memberID:{member} alarm:{alarm.ToString().ToUpperInvariant()} ");

        return reply;
    }

    /// <summary>etcd v3 API, Maintenance.Defragment.</summary>
    public async Task<DefragmentResponse> Defragment()
    {
        var quota = loop.State.Quota;
        try
        {
            await local.Store.Defragment(CancellationToken.None);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "Defragment failed");
            throw EtcdErrors.TimedOut;
        }

        await quota.Measure(CancellationToken.None);
        return new DefragmentResponse();
    }

    /// <summary>etcd v3 API, Maintenance.Hash.</summary>
    public async Task<HashResponse> Hash()
    {
        var published = View.State;
        var hash = await KvHash.Of(View, local.Store, 0, whole: true, CancellationToken.None);
        return new HashResponse { Header = local.Identity.Header(published.Revision, published.Term), Hash = hash.Hash };
    }

    /// <summary>etcd v3 API, Maintenance.HashKV.</summary>
    public async Task<HashKVResponse> HashKV(HashKVRequest request)
    {
        var published = View.State;
        var hash = await KvHash.Of(View, local.Store, request.Revision, whole: false, CancellationToken.None);
        return new HashKVResponse
        {
            Header = local.Identity.Header(published.Revision, published.Term),
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision,
            HashRevision = hash.Revision,
        };
    }

    /// <summary>etcd v3 API, Cluster.MemberList.</summary>
    public Task<MemberListResponse> MemberList() => loop.Submit(state =>
    {
        var header = state.Header();
        header.Revision = 0; // the Cluster service carries none
        var reply = new MemberListResponse { Header = header };
        reply.Members.Add(new Member { ID = local.Identity.MemberId, Name = "kine", ClientURLs = { options.ClientUrl } });
        return reply;
    });
}
