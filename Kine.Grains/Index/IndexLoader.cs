using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// Hands the records of a scan on to a thread of its own, in order and in pages, so that the store reads on while the index is filled:
/// <code>
/// scan: copies into page 3 | queued: page 2 | thread: applies page 1 | empty: page 0
/// </code>
/// One scan at a time calls <see cref="Add"/>, from any thread, and waits there when the thread is behind. <see cref="Finish"/> once the
/// last scan has ended; disposing without it drops what is queued.
/// </summary>
internal sealed class IndexLoader : IAsyncDisposable
{
    private const int Pages = 4;

    private readonly MetadataVisitor _apply;
    private readonly BlockingCollection<MetadataPage> _filled = [];
    private readonly BlockingCollection<MetadataPage> _empty = [];
    private readonly Task _thread;
    private MetadataPage _page = new();
    private ExceptionDispatchInfo? _failure;
    private volatile bool _abandoned;

    /// <param name="apply">Called on the thread for each record.</param>
    public IndexLoader(MetadataVisitor apply)
    {
        _apply = apply;
        for (var i = 1; i < Pages; i++)
            _empty.Add(new MetadataPage());
        // Not a thread of the pool: while scans wait for this one, the pool may have no other to give.
        _thread = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Takes a record; the key is copied. Throws what applying an earlier one has thrown.</summary>
    public void Add(in RecordMetadata record, ReadOnlySpan<byte> key)
    {
        _page.Add(record, key);
        if (_page.IsFull)
            Pass();
    }

    /// <summary>Returns when every record has been applied; throws what applying one has thrown.</summary>
    public async Task Finish()
    {
        Pass();
        _filled.CompleteAdding();
        await _thread.ConfigureAwait(false);
        Volatile.Read(ref _failure)?.Throw();
    }

    /// <summary>Returns when the thread has ended, after the page it is at.</summary>
    public async ValueTask DisposeAsync()
    {
        _abandoned = true;
        _filled.CompleteAdding();
        await _thread.ConfigureAwait(false);
        _filled.Dispose();
        _empty.Dispose();
    }

    private void Pass()
    {
        Volatile.Read(ref _failure)?.Throw();
        _filled.Add(_page);
        _page = _empty.Take();
    }

    private void Run()
    {
        foreach (var page in _filled.GetConsumingEnumerable())
        {
            try
            {
                if (_failure is null && !_abandoned)
                    page.Visit(_apply);
            }
            catch (Exception error)
            {
                Volatile.Write(ref _failure, ExceptionDispatchInfo.Capture(error));
            }
            finally
            {
                // After a failure too, or the scan would wait for ever instead of hearing of it.
                page.Clear();
                _empty.Add(page);
            }
        }
    }
}
