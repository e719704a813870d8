namespace Kine.Backends.Sqlite;

/// <summary>A few read connections, lent to one query at a time; queries run on the thread pool, never on the caller's turn.</summary>
internal sealed class ReaderPool : IDisposable
{
    private readonly string _path;
    private readonly WriterThread _writer;
    private readonly LogReader[] _readers;
    private readonly Stack<LogReader> _idle;
    private readonly SemaphoreSlim _slots;

    /// <summary>Takes over the readers.</summary>
    /// <param name="path">The database file, for messages.</param>
    /// <param name="writer">Learns of reads that show the file to be broken.</param>
    /// <param name="readers">At least one.</param>
    public ReaderPool(string path, WriterThread writer, LogReader[] readers)
    {
        _path = path;
        _writer = writer;
        _readers = readers;
        _idle = new Stack<LogReader>(readers);
        _slots = new SemaphoreSlim(readers.Length);
    }

    /// <summary>Runs a query on the thread pool once a connection is free.</summary>
    public async Task<T> Run<T>(Func<LogReader, T> query, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        // Into the pool's shared queue: from its own queue a thread would serve a busy reader for ever, and the end of an append,
        // which comes from the writer's thread, would wait behind it.
        return await Task.Factory
            .StartNew(() => RunAndReturn(query), CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default)
            .ConfigureAwait(false);
    }

    /// <summary>Runs a very short query here and now; false when every connection is lent out.</summary>
    public bool TryRun<T>(Func<LogReader, T> query, out T? result)
    {
        result = default;
        if (!_slots.Wait(0))
            return false;

        result = RunAndReturn(query);
        return true;
    }

    private T RunAndReturn<T>(Func<LogReader, T> query)
    {
        LogReader? reader = null;
        try
        {
            _writer.ThrowIfBroken();
            lock (_idle)
            {
                reader = _idle.Pop();
            }

            return query(reader);
        }
        catch (SqliteError error)
        {
            var outcome = error.ForCaller(_path);
            if (outcome is StoreBrokenException broken)
                _writer.Break(broken);

            throw outcome;
        }
        finally
        {
            if (reader is not null)
            {
                lock (_idle)
                {
                    _idle.Push(reader);
                }
            }
            _slots.Release();
        }
    }

    /// <summary>Closes the connections, each once its query has ended.</summary>
    public void Dispose()
    {
        for (var i = 0; i < _readers.Length; i++)
            _slots.Wait();

        foreach (var reader in _readers)
            reader.Dispose();

        _slots.Dispose();
    }
}
