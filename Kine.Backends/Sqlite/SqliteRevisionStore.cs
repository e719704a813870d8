using Kine.Backends.Sql;
using Kine.Backends.Upstream;

namespace Kine.Backends.Sqlite;

/// <summary>
/// The log in one SQLite file: one writer thread, a few read connections, one checkpointer; see the parts for the why.
/// Holds at most 4,194,304 records in one revision and revisions up to 2,199,023,255,551.
/// </summary>
public sealed class SqliteRevisionStore(SqliteOptions options) : IRevisionStore, IUpstreamTable
{
    // 61 MiB in all; DESIGN's budget for SQLite is 64.
    private const int WriterCacheKib = 16 << 10;
    private const int ReaderCacheKib = 6 << 10;
    private const int CheckpointerCacheKib = 1 << 10;
    private const int ReaderCount = 3;
    private static readonly TimeSpan RoomInterval = TimeSpan.FromSeconds(2);
    private readonly List<string> _warnings = [];
    private readonly CancellationTokenSource _closing = new();
    private Task _room = Task.CompletedTask; // while the disk is full
    private OpenedParts? _opened;
    private SizeSample _size = new(-1, default);

    public string Description => $"sqlite {options.Path}";

    public bool IsExclusive => true;

    public bool IsFull => Opened.File.Reserve.IsFull;

    public IReadOnlyList<string> Warnings => _warnings;

    private OpenedParts Opened => _opened ?? throw new InvalidOperationException("the store is not open");

    private ReaderPool Readers => Opened.Readers;

    public Task Open(CancellationToken cancellationToken) => Task.Run(OpenHere, cancellationToken);

    private void OpenHere()
    {
        var file = SqliteFile.Claim(options);
        try
        {
            try
            {
                OpenParts(file);
            }
            catch (SqliteError error) when (error.IsFull && file.Reserve.ReleaseLast())
            {
                OpenParts(file);
            }
        }
        catch (Exception error)
        {
            file.Dispose();
            if (error is SqliteError failure)
                throw new StoreRefusedException($"{file.Path} cannot be opened: {failure.Message}", failure);

            throw;
        }
    }

    private void OpenParts(SqliteFile file)
    {
        var opened = new Stack<IDisposable>();
        try
        {
            var main = file.OpenWriter(WriterCacheKib);
            opened.Push(main);
            var readers = new LogReader[ReaderCount];
            for (var i = 0; i < ReaderCount; i++)
            {
                readers[i] = new LogReader(file.OpenAnother(ReaderCacheKib, readOnly: true));
                opened.Push(readers[i]);
            }
            Database? checkpoints = null;
            if (options.Checkpoints && options.JournalMode == SqliteJournalMode.Wal)
            {
                checkpoints = file.OpenAnother(CheckpointerCacheKib, readOnly: false);
                opened.Push(checkpoints);
            }
            var log = new LogWriter(main, file.Path, options);
            var writer = new WriterThread();
            var checkpointer = checkpoints is null ? null : new Checkpointer(checkpoints, file, options, log, writer) { NoSpace = NoSpace };
            _opened = new OpenedParts(file, log, writer, new ReaderPool(file.Path, writer, readers), checkpointer);
            Warn();
            if (!file.Reserve.TryRestore())
                _room = MakeRoom();
        }
        catch
        {
            while (opened.TryPop(out var part))
                part.Dispose();

            throw;
        }
    }

    private void Warn()
    {
        var rollback = options.JournalMode != SqliteJournalMode.Wal;
        if (options.Synchronous == SqliteSynchronous.Off || (options.Synchronous == SqliteSynchronous.Normal && !rollback))
            _warnings.Add($"synchronous={options.Synchronous.ToString().ToUpperInvariant()}: a loss of power can take acknowledged writes back");

        if (options.JournalMode == SqliteJournalMode.Memory)
            _warnings.Add("journal_mode=MEMORY: a killed process can leave a damaged database");

        if (rollback)
            _warnings.Add("without journal_mode=WAL reads and writes wait for each other");
    }

    public Task<Fence> ReadFence(CancellationToken cancellationToken) => Readers.Run(static reader => reader.Fence(), cancellationToken);

    public async Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        Fence? taken;
        try
        {
            taken = await TakeOver().ConfigureAwait(false);
        }
        catch (StoreFullException) when (Opened.File.Reserve.ReleaseLast())
        {
            taken = await TakeOver().ConfigureAwait(false);
        }

        Opened.Checkpointer?.Copy(); // from now on a copy of the file from an earlier time can be told from it
        return taken;

        Task<Fence?> TakeOver() => Write(log => log.TakeOver(seen, holder, address, leaseTime), cancellationToken);
    }

    public Task Renew(FenceToken token, CancellationToken cancellationToken) => Write(log => log.Renew(token), cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => Write(log => log.Release(token), cancellationToken);

    public async Task Append(AppendBatch batch)
    {
        batch.Check();
        foreach (var record in batch.Records)
            RecordKey.Check(record.Id);

        try
        {
            await Write(log => log.Append(batch), CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreFullException)
        {
            // What comes next may be a delete: it finds as much room as there can be.
            if (Opened.Checkpointer is { } checkpointer)
                await Task.WhenAny(checkpointer.Truncate(), Task.Delay(RoomInterval)).ConfigureAwait(false);

            throw;
        }
    }

    public Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        Readers.Run(reader => reader.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken), cancellationToken);

    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        Readers.Run(reader => reader.ReadRecords(after, toRevision, maxRecords, maxBytes), cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) =>
        Readers.Run(reader => reader.ReadValues(ids.Span), cancellationToken);

    public async Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var keys = RecordKey.Sort(ids.Span, out _);
        while (keys.Length > 0)
        {
            var rest = keys;
            var deleted = await Background(log => log.Delete(rest), cancellationToken).ConfigureAwait(false);
            keys = rest[deleted..];
        }
    }

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => Readers.Run(static reader => reader.ReadSide(), cancellationToken);

    public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => Readers.Run(static reader => reader.HasUpstreamTable(), cancellationToken);

    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) =>
        Readers.Run(reader => reader.ReadUpstreamRows(afterId, maxRows), cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        var last = Volatile.Read(ref _size);
        var commits = Opened.Log.Commits;
        if (last.Commits == commits)
            return new(last.Size);

        return Readers.TryRun(static reader => reader.Size(), out var pages)
            ? new(Remember(commits, pages))
            : new(Ask(commits, cancellationToken));
    }

    private async Task<StoreSize> Ask(long commits, CancellationToken cancellationToken) =>
        Remember(commits, await Readers.Run(static reader => reader.Size(), cancellationToken).ConfigureAwait(false));

    // The WAL does not count: its frames are pages that are counted, and it is as long as it is, however little is stored.
    private StoreSize Remember(long commits, StoreSize size)
    {
        Volatile.Write(ref _size, new SizeSample(commits, size));
        return size;
    }

    public async Task Defragment(CancellationToken cancellationToken)
    {
        long free;
        do
        {
            free = await Background(static log => log.Vacuum(), cancellationToken).ConfigureAwait(false);
        }
        while (free > 0);

        if (Opened.Checkpointer is { } checkpointer)
            await checkpointer.Truncate().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lets the file grow to that many pages and no further, as a full disk would, for tests.</summary>
    internal Task LimitPages(int pages) => Write(log => log.LimitPages(pages), CancellationToken.None);

    private Task<T> Write<T>(Func<LogWriter, T> work, CancellationToken cancellationToken) =>
        Opened.Writer.Urgent(() => Noted(work), cancellationToken);

    private Task Write(Action<LogWriter> work, CancellationToken cancellationToken) => Write(
        log =>
        {
            work(log);
            return true;
        },
        cancellationToken);

    private Task<T> Background<T>(Func<LogWriter, T> work, CancellationToken cancellationToken) =>
        Opened.Writer.Background(() => Noted(work), cancellationToken);

    private T Noted<T>(Func<LogWriter, T> work)
    {
        try
        {
            var result = work(Opened.Log);
            Opened.Checkpointer?.Committed();
            return result;
        }
        catch (StoreFullException)
        {
            NoSpace();
            throw;
        }
    }

    private void NoSpace()
    {
        if (Opened.File.Reserve.Release())
            _room = MakeRoom();
    }

    // Free pages go back to the file system, so that the reserve can be filled from them.
    private async Task MakeRoom()
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                await Defragment(_closing.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is StoreUnavailableException or StoreBrokenException or OperationCanceledException or ObjectDisposedException)
            {
                // Not even for that is there room, or it is over: whoever writes next learns of it.
            }

            if (Opened.File.Reserve.TryRestore())
                return;

            await Task.Delay(RoomInterval, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_opened is not { } parts)
            return;

        await _closing.CancelAsync().ConfigureAwait(false);
        await _room.ConfigureAwait(false);
        await Task.Run(() => parts.Checkpointer?.Dispose()).ConfigureAwait(false);
        await parts.Writer.Stop().ConfigureAwait(false);
        await Task.Run(
            () =>
            {
                parts.Readers.Dispose();
                // The last connection to close copies the WAL and removes it.
                parts.Log.Dispose();
                parts.File.Dispose();
            }).ConfigureAwait(false);
        _opened = null;
    }

    private sealed record OpenedParts(SqliteFile File, LogWriter Log, WriterThread Writer, ReaderPool Readers, Checkpointer? Checkpointer);

    private sealed record SizeSample(long Commits, StoreSize Size);
}
