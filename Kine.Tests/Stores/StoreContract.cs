using System.Text;
using Kine.Backends;

namespace Kine.Tests.Stores;

/// <summary>What every store must do; a store's test class says how to make one.</summary>
public abstract partial class StoreContract : IAsyncLifetime
{
    protected IRevisionStore Store { get; private set; } = null!;

    /// <summary>The fence this test holds.</summary>
    protected Fence Mine { get; private set; } = null!;

    protected FenceToken Token => new(Mine.Epoch, Mine.Holder);

    /// <summary>A store on an empty database of this test, not yet open; called again after <see cref="Reopen"/> for the same database.</summary>
    protected abstract IRevisionStore Create();

    /// <summary>True when a closed store's data is there when it is opened again.</summary>
    protected abstract bool Persists { get; }

    public virtual async Task InitializeAsync()
    {
        Store = Create();
        await Store.Open(default);
        await TakeOver();
    }

    public virtual async Task DisposeAsync() => await Store.DisposeAsync();

    protected async Task Reopen()
    {
        await Store.DisposeAsync();
        Store = Create();
        await Store.Open(default);
    }

    protected async Task TakeOver()
    {
        var seen = await Store.ReadFence(default);
        Mine = (await Store.TakeOver(seen, Guid.NewGuid(), "10.0.0.1:2379", TimeSpan.FromSeconds(10), default))!;
        Assert.NotNull(Mine);
    }

    protected AppendBatch Batch(long expected, long last, params ReadOnlySpan<LogRecord> records)
    {
        var batch = new AppendBatch { Token = Token, ExpectedRevision = expected, LastRevision = last };
        batch.Records.AddRange(records);
        return batch;
    }

    /// <summary>Appends one put a revision, from the revision after <paramref name="last"/>.</summary>
    protected async Task<long> AppendPuts(long last, int count, int valueLength = 16, int perBatch = 500)
    {
        while (count > 0)
        {
            var now = Math.Min(count, perBatch);
            var batch = Batch(last, last + now);
            for (var i = 1; i <= now; i++)
                batch.Records.Add(Put(last + i, $"/registry/pods/{last + i}", new string('v', valueLength)));

            await Store.Append(batch);
            last += now;
            count -= now;
        }
        return last;
    }

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static LogRecord Put(long revision, string key, string value, int sub = 0, long lease = 0) =>
        new(revision, sub, Bytes(key), revision, 1, lease, false, Bytes(value));

    protected static LogRecord Tombstone(long revision, string key, int sub = 0) => new(revision, sub, Bytes(key), 0, 0, 0, true, default);

    protected static void AssertSame(LogRecord expected, LogRecord actual)
    {
        Assert.Equal(expected with { Key = default, Value = default }, actual with { Key = default, Value = default });
        Assert.True(expected.Key.Span.SequenceEqual(actual.Key.Span), $"key of {expected.Id}");
        Assert.True(expected.Value.Span.SequenceEqual(actual.Value.Span), $"value of {expected.Id}");
    }

    protected Task<List<LogRecord>> ReadAll(RecordId after = default, long to = long.MaxValue) =>
        Store.ReadRecords(after, to, int.MaxValue, long.MaxValue, default);

    protected async Task<List<(RecordMetadata Metadata, byte[] Key)>> ScanAll(RecordId after = default, long to = long.MaxValue, int page = 1000)
    {
        var all = new List<(RecordMetadata, byte[])>();
        while (await Store.ScanMetadata(after, to, page, (in RecordMetadata record, ReadOnlySpan<byte> key) => all.Add((record, key.ToArray())), default) is { } last)
            after = last;

        return all;
    }
}
