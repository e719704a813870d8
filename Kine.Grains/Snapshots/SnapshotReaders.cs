namespace Kine.Grains.Snapshots;

/// <summary>
/// The snapshots being read from the writer, one piece a call, each under the id that its reader picked. A reader that is gone without a word loses its
/// pin on compaction with time, and its place with the next reader that comes. Calls for one reader come one at a time.
/// </summary>
internal sealed class SnapshotReaders(TimeProvider time)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);
    private readonly Dictionary<Guid, Reader> _readers = [];

    /// <summary>True when the reader's snapshot has begun.</summary>
    public bool Has(Guid id) => _readers.ContainsKey(id);

    /// <summary>Begins a snapshot.</summary>
    public void Add(Guid id, SnapshotWriter writer, SnapshotPoint point)
    {
        foreach ((var other, var reader) in _readers.ToArray())
        {
            if (!reader.Busy && time.GetElapsedTime(reader.LastCall) > LongestPause)
                End(other);
        }

        _readers.Add(id, new Reader(writer, point) { LastCall = time.GetTimestamp() });
    }

    /// <summary>The next piece. After the last one, or an error, the reader is gone.</summary>
    public async Task<SnapshotPiece> Next(Guid id)
    {
        var reader = _readers[id];
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

    /// <summary>Ends a snapshot that is not read to its end.</summary>
    public void End(Guid id)
    {
        if (_readers.TryGetValue(id, out var reader))
        {
            reader.Stop.Cancel();
            if (!reader.Busy)
                _ = Close(id, reader);
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
