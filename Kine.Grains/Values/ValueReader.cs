using Kine.Backends;

namespace Kine.Grains.Values;

/// <summary>Reads pairs in wire form by version: from the cache, else from the store.</summary>
public sealed class ValueReader(ValueCache cache, IRevisionStore store)
{
    private const int ReadInTwo = 128; // values

    private ValueCache _cache = cache;

    /// <summary>What long reads share.</summary>
    public ReadRoom Room { get; init; } = new();

    /// <summary>The pair as a marshaled mvccpb.KeyValue when the cache holds it.</summary>
    public bool TryGet(RecordId id, out ReadOnlyMemory<byte> keyValue) => Volatile.Read(ref _cache).TryGet(id, out keyValue);

    /// <summary>Keeps a pair that was just written.</summary>
    public void Add(RecordId id, ReadOnlyMemory<byte> keyValue) => Volatile.Read(ref _cache).Add(id, keyValue);

    /// <summary>Lets go of a pair that compaction deleted.</summary>
    public void Remove(RecordId id) => Volatile.Read(ref _cache).Remove(id);

    /// <summary>Empties the cache: what it holds may contradict the store, because another process wrote to that in between.</summary>
    public void Forget() => Volatile.Write(ref _cache, new ValueCache(_cache.MaxBytes));

    /// <summary>Pairs in the order asked; null where the store no longer has the version, because compaction took it.</summary>
    public ValueTask<ReadOnlyMemory<byte>?[]> Read(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken)
    {
        var found = new ReadOnlyMemory<byte>?[versions.Count];
        var cache = Volatile.Read(ref _cache);
        List<int>? missing = null;
        for (var i = 0; i < versions.Count; i++)
        {
            if (cache.TryGet(versions[i].Version.Id, out var keyValue))
                found[i] = keyValue;
            else
                (missing ??= []).Add(i);
        }

        return missing is null ? ValueTask.FromResult(found) : new(ReadMissing(cache, versions, found, missing, cancellationToken));
    }

    /// <summary>
    /// The same for at most <paramref name="limit"/>, however long the store takes; then it throws <see cref="TimeoutException"/>, and what the store still reads
    /// is of no use any more.
    /// </summary>
    public async ValueTask<ReadOnlyMemory<byte>?[]> Read(IReadOnlyList<VersionedKey> versions, TimeSpan limit, TimeProvider time)
    {
        using var late = new CancellationTokenSource();
        var reading = Read(versions, late.Token);
        if (reading.IsCompleted)
            return await reading;

        var read = reading.AsTask();
        try
        {
            return await read.WaitAsync(limit > TimeSpan.Zero ? limit : TimeSpan.Zero, time, CancellationToken.None);
        }
        catch (TimeoutException) when (!read.IsCompleted)
        {
            _ = read.ContinueWith(static gone => gone.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await late.CancelAsync();
            throw new TimeoutException($"the store gave no value within {limit.TotalSeconds:0.#} s");
        }
    }

    // A page of a list takes a millisecond or more, most of it in the store's read calls: two threads halve the wait.
    private async Task<byte[]?[]> ReadHalves(RecordId[] ids, CancellationToken cancellationToken)
    {
        var half = ids.Length / 2;
        var halves = await Task.WhenAll(
            store.ReadValues(ids.AsMemory(0, half), cancellationToken), store.ReadValues(ids.AsMemory(half), cancellationToken));
        return [.. halves[0], .. halves[1]];
    }

    private async Task<ReadOnlyMemory<byte>?[]> ReadMissing(
        ValueCache cache, IReadOnlyList<VersionedKey> versions, ReadOnlyMemory<byte>?[] found, List<int> missing, CancellationToken cancellationToken)
    {
        var ids = new RecordId[missing.Count];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = versions[missing[i]].Version.Id;

        var values = ids.Length < ReadInTwo
            ? await store.ReadValues(ids, cancellationToken)
            : await ReadHalves(ids, cancellationToken);
        for (var i = 0; i < ids.Length; i++)
        {
            if (values[i] is { } value)
            {
                var asked = versions[missing[i]];
                var keyValue = KeyValueWire.Encode(asked.Key.Span, asked.Version, value);
                found[missing[i]] = keyValue;
                cache.Add(ids[i], keyValue);
            }
        }

        return found;
    }
}
