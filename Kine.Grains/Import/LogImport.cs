using Kine.Backends;
using Kine.Grains.SideState;

namespace Kine.Grains.Import;

/// <summary>
/// Fills an empty store with records from elsewhere, their revisions kept, in appends of whole revisions. Killed at any moment, it goes on where it was when
/// begun again with the same source; until it has ended, the store carries an <see cref="ImportMark"/>.
/// <code>
/// Begin -- Add, Add, ... (what is already there is passed over) -- Check -- End -- Dispose
/// </code>
/// One caller at a time. Errors of the store leave as they are.
/// </summary>
public sealed class LogImport : IAsyncDisposable
{
    private const int BatchRecords = 5000;
    private const long BatchBytes = 4 << 20;
    private const int CheckRecords = 2000;

    private readonly IRevisionStore _store;
    private readonly FenceToken _token;
    private readonly string _source;
    private readonly ImportMark? _resumedFrom;
    private LogChecksum _checksum;
    private LogChecksum _passed;
    private long _appended;
    private AppendBatch _batch;
    private Task _appending = Task.CompletedTask;

    private LogImport(IRevisionStore store, Fence held, string source, ImportMark? mark)
    {
        _store = store;
        _token = new FenceToken(held.Epoch, held.Holder);
        _source = source;
        _resumedFrom = mark;
        _checksum = mark is null ? default : new LogChecksum(mark);
        _appended = held.LastRevision;
        _batch = NewBatch();
    }

    /// <summary>Records added so far, those of an interrupted run included.</summary>
    public long Records => _checksum.Records;

    /// <summary>CRC-32C over them.</summary>
    public uint Checksum => _checksum.Value;

    /// <summary>Records up to this revision are there from an interrupted run; 1 = none.</summary>
    public long Resumed { get; private init; }

    /// <summary>True when the store holds nothing but its own ids.</summary>
    public static bool IsEmpty(Fence fence, IReadOnlyCollection<SideRow> side) => fence.LastRevision <= 1
        && side.All(row => row.Kind == SideKind.Meta && !row.Key.AsSpan().SequenceEqual(MetaRow.CompactRevision));

    /// <summary>
    /// Begins under a fence that was just taken. Throws <see cref="StoreRefusedException"/> when the store holds something, other than an unfinished import of
    /// the same source.
    /// </summary>
    public static async Task<LogImport> Begin(IRevisionStore store, Fence held, string source, CancellationToken cancellationToken)
    {
        var side = await store.ReadSide(cancellationToken);
        if (ImportMark.Find(side) is { } mark)
        {
            return mark.Source == source
                ? new LogImport(store, held, source, mark) { Resumed = held.LastRevision }
                : throw new StoreRefusedException($"{store.Description} holds an unfinished import ({mark.Source}); finish that one, or empty the store");
        }

        return IsEmpty(held, side)
            ? new LogImport(store, held, source, null) { Resumed = 1 }
            : throw new StoreRefusedException($"{store.Description} is not empty: it is at revision {held.LastRevision}");
    }

    /// <summary>
    /// Adds the next record in log order. Throws <see cref="ImportException"/> when the source no longer holds what the interrupted run took from it.
    /// </summary>
    public async ValueTask Add(LogRecord record)
    {
        if (record.Revision <= Resumed)
        {
            _passed.Add(record);
            return;
        }

        CheckPassed();
        var records = _batch.Records;
        if (records.Count > 0 && records[^1].Revision != record.Revision && (records.Count >= BatchRecords || _batch.Bytes >= BatchBytes))
            await Append();

        _checksum.Add(record);
        _batch.Records.Add(record);
        _batch.Bytes += record.Key.Length + record.Value.Length;
        _batch.LastRevision = record.Revision;
    }

    /// <summary>Appends what is left and reads everything back; throws <see cref="ImportException"/> when it is not what was added.</summary>
    public async Task Check(CancellationToken cancellationToken)
    {
        CheckPassed();
        if (_batch.Records.Count > 0)
            await Append();

        await _appending;
        var found = default(LogChecksum);
        var after = new RecordId(0, 0);
        while (true)
        {
            var page = await _store.ReadRecords(after, long.MaxValue, CheckRecords, BatchBytes, cancellationToken);
            if (page.Count == 0)
                break;

            foreach (var record in page)
                found.Add(record);

            after = page[^1].Id;
        }

        if (found.Records != Records || found.Value != Checksum)
        {
            throw new ImportException(
                $"{_store.Description} gives back {found.Records} records with checksum {found.Value:x8}, written were {Records} with {Checksum:x8}");
        }
    }

    /// <summary>Sets what belongs to the records, and other rows with it, and takes the mark away: from here on the store may be served.</summary>
    public async Task End(ImportEnd end, params SideRow[] others)
    {
        _batch.Side.AddRange(others);
        _batch.LastRevision = Math.Max(end.Revision, _batch.LastRevision);
        _batch.Side.AddRange(end.Leases.Select(lease => LeaseRow.Of(lease.Id, lease.Ttl)));
        _batch.Side.AddRange(end.Alarms.Select(alarm => AlarmRow.Of(alarm.Member, alarm.Alarm)));
        if (end.CompactRevision >= 0)
            _batch.Side.Add(MetaRow.Of(MetaRow.CompactRevision, end.CompactRevision));

        _batch.Side.Add(ImportMark.Removal);
        await _store.Append(_batch);
    }

    /// <summary>Waits for the append that is on its way; how it ends is told by the calls above, or no longer matters.</summary>
    public async ValueTask DisposeAsync() =>
        await _appending.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    private void CheckPassed()
    {
        if (_resumedFrom is not null && (_passed.Records, _passed.Value) != (_resumedFrom.Records, _resumedFrom.Checksum))
        {
            throw new ImportException(
                $"the source is no longer what an interrupted import into {_store.Description} took its first {_resumedFrom.Records} records from; empty that store and begin again");
        }
    }

    private AppendBatch NewBatch() => new() { Token = _token, ExpectedRevision = _appended, LastRevision = _appended };

    // The next batch is gathered while this one is on its way.
    private async Task Append()
    {
        await _appending;
        var full = _batch;
        full.Side.Add(new ImportMark(_source, Records, Checksum).Row());
        _appended = full.LastRevision;
        _batch = NewBatch();
        _appending = _store.Append(full);
    }
}
