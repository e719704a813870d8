using Kine.Backends;
using Kine.Grains.Reads;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Snapshots;

/// <summary>Snapshots of a writer's state at one evaluated revision, read in the background, piece by piece as their readers ask.</summary>
internal sealed class SnapshotServer(Writer writer, ProcessState local, WriterOptions options, TimeProvider time, ILogger log)
{
    private readonly SnapshotReaders _readers = new(time);

    /// <summary>The next piece for the reader of that id; the first call takes the snapshot. One caller at a time.</summary>
    public async Task<SnapshotPiece> Read(Guid reader)
    {
        try
        {
            if (!_readers.Has(reader))
            {
                var point = await TakePoint();
                _readers.Add(reader, new SnapshotWriter(local.Store, writer.Loop.State.Index, point, time), point);
            }

            return await _readers.Next(reader);
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

    /// <summary>Ends a snapshot that its reader does not read to the end.</summary>
    public void End(Guid reader) => _readers.End(reader);

    private async Task<SnapshotPoint> TakePoint()
    {
        CompactionPin? pin = null;
        try
        {
            return await writer.Loop.Submit(state =>
            {
                // Before any later compaction is evaluated, so that it sees the pin.
                pin?.Dispose();
                pin = local.Pins.Acquire(state.CompactRevision);
                return new SnapshotPoint
                {
                    Revision = state.Revision,
                    CompactRevision = state.CompactRevision,
                    Term = state.Term,
                    Identity = state.Identity,
                    ClientUrl = options.ClientUrl,
                    StorageVersion = writer.Maintenance.StorageVersion,
                    Leases = [.. state.Leases.All.Select(lease => (lease.Id, lease.Ttl))],
                    Alarms = [.. state.Alarms],
                    Pin = pin,
                };
            });
        }
        catch
        {
            pin?.Dispose();
            throw;
        }
    }
}
