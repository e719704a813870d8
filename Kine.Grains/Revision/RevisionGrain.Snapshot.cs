using Kine.Backends;
using Kine.Grains.Keyspace;
using Kine.Grains.Snapshots;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

// A snapshot shows the state at one evaluated revision; it is read in the background, piece by piece as its reader asks.
public sealed partial class RevisionGrain
{
    private SnapshotReaders? _snapshots;

    /// <inheritdoc/>
    public async Task<SnapshotPiece> ReadSnapshot(Guid reader)
    {
        _snapshots ??= new SnapshotReaders(time);
        try
        {
            if (!_snapshots.Has(reader))
            {
                var point = await TakeSnapshotPoint();
                _snapshots.Add(reader, new SnapshotWriter(_store, State.Index, point, time), point);
            }

            return await _snapshots.Next(reader);
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "A snapshot ended: the store could not be read");
            throw EtcdErrors.TimedOut;
        }
        catch (OperationCanceledException)
        {
            throw EtcdErrors.ServerStopped;
        }
    }

    /// <inheritdoc/>
    public Task EndSnapshot(Guid reader)
    {
        _snapshots?.End(reader);
        return Task.CompletedTask;
    }

    private async Task<SnapshotPoint> TakeSnapshotPoint()
    {
        CompactionHold? hold = null;
        try
        {
            return await Submit(state =>
            {
                // Before any later compaction is evaluated, so that it sees the hold.
                hold?.Dispose();
                hold = local.Holds.Acquire(state.CompactRevision);
                return new SnapshotPoint
                {
                    Revision = state.Revision,
                    CompactRevision = state.CompactRevision,
                    Term = state.Term,
                    Identity = state.Identity,
                    ClientUrl = options.ClientUrl,
                    StorageVersion = StorageVersion(options.EtcdVersion),
                    Leases = [.. state.Leases.All.Select(lease => (lease.Id, lease.Ttl))],
                    Alarms = [.. state.Alarms],
                    Hold = hold,
                };
            });
        }
        catch
        {
            hold?.Dispose();
            throw;
        }
    }
}
