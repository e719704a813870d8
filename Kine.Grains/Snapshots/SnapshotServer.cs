using Kine.Backends;
using Kine.Grains.Reads;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Snapshots;

/// <summary>
/// Snapshots of a writer's state at one evaluated revision, read in the background, one piece a call, each under the id that its reader
/// picked. A reader that is gone without a word loses its pin on compaction with time, and its place with the next reader that comes. Calls
/// for one reader come one at a time.
/// </summary>
internal sealed class SnapshotServer(Writer writer, ProcessState local, WriterOptions options, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);
    private readonly Dictionary<Guid, Reader> _readers = [];

    /// <summary>The next piece; the first call takes the snapshot. After the last piece, or an error, the reader is gone.</summary>
    public async Task<SnapshotPiece> Read(Guid id)
    {
        try
        {
            return await Next(id, _readers.GetValueOrDefault(id) ?? Add(id, await TakePoint()));
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
    public void End(Guid id)
    {
        if (_readers.TryGetValue(id, out var reader))
        {
            reader.Stop.Cancel();
            if (!reader.Busy)
                _ = Close(id, reader);
        }
    }

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

    private Reader Add(Guid id, SnapshotPoint point)
    {
        foreach ((var other, var known) in _readers.ToArray())
        {
            if (!known.Busy && time.GetElapsedTime(known.LastCall) > LongestPause)
                End(other);
        }

        var file = new SnapshotWriter(local.Store, writer.Loop.State.Index, point, time);
        var reader = new Reader(file, point) { LastCall = time.GetTimestamp() };
        _readers.Add(id, reader);
        return reader;
    }

    private async Task<SnapshotPiece> Next(Guid id, Reader reader)
    {
        reader.Busy = true;
        try
        {
            // Page building and hashing must not hold up the writer's turns.
            var piece = await Task.Run(reader.Next);
            if (piece is { Remaining: > 0 } && !reader.Stop.IsCancellationRequested)
                return piece;

            await Close(id, reader);
            return piece ?? throw new InvalidOperationException("a snapshot ended before its last piece");
        }
        catch
        {
            await Close(id, reader);
            throw;
        }
        finally
        {
            reader.LastCall = time.GetTimestamp();
            reader.Busy = false;
        }
    }

    private async Task Close(Guid id, Reader reader)
    {
        if (_readers.Remove(id))
        {
            reader.Point.Dispose();
            await reader.Pieces.DisposeAsync();
        }
    }

    private sealed class Reader
    {
        public Reader(SnapshotWriter writer, SnapshotPoint point)
        {
            Point = point;
            Pieces = writer.Write(Stop.Token).GetAsyncEnumerator();
        }

        public SnapshotPoint Point { get; }

        public CancellationTokenSource Stop { get; } = new();

        public IAsyncEnumerator<SnapshotPiece> Pieces { get; }

        public bool Busy { get; set; }

        public long LastCall { get; set; }

        public async Task<SnapshotPiece?> Next() => await Pieces.MoveNextAsync() ? Pieces.Current : null;
    }
}
