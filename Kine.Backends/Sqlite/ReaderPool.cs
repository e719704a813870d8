using System.Collections.Concurrent;

namespace Kine.Backends.Sqlite;

/// <summary>A few read connections, lent to one query at a time; queries run on the thread pool, never on the caller's turn.</summary>
/// <param name="path">The database file, for messages.</param>
/// <param name="writer">Learns of reads that show the file to be broken.</param>
/// <param name="readers">At least one; taken over.</param>
internal sealed class ReaderPool(string path, WriterThread writer, LogReader[] readers) : IDisposable
{
    private readonly ConcurrentStack<LogReader> _idle = new(readers);
    private readonly SemaphoreSlim _slots = new(readers.Length);

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
            writer.ThrowIfBroken();
            _idle.TryPop(out reader);
            return query(reader!);
        }
        catch (SqliteError error)
        {
            var outcome = error.ForCaller(path);
            if (outcome is StoreBrokenException broken)
                writer.Break(broken);

            throw outcome;
        }
        finally
        {
            if (reader is not null)
                _idle.Push(reader);

            _slots.Release();
        }
    }

    /// <summary>Closes the connections, each once its query has ended.</summary>
    public void Dispose()
    {
        for (var i = 0; i < readers.Length; i++)
            _slots.Wait();

        foreach (var reader in readers)
            reader.Dispose();

        _slots.Dispose();
    }
}
