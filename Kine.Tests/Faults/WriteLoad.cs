using System.Collections.Concurrent;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Faults;

/// <summary>
/// Writers that go on until their server dies, and remember which of their writes were acknowledged with which revision. Each value is
/// written once only, so that a write can be recognised.
/// </summary>
public sealed class WriteLoad(string address)
{
    private const int Writers = 8;

    private readonly ConcurrentDictionary<long, (string Key, string? Value)[]> _acknowledged = new();
    private readonly ConcurrentDictionary<string, bool> _sent = new();
    private int _round;

    /// <summary>What each acknowledged revision wrote, in order; a null value is a deletion.</summary>
    public IReadOnlyDictionary<long, (string Key, string? Value)[]> Acknowledged => _acknowledged;

    /// <summary>True for a value that some writer has sent, whether or not it was answered.</summary>
    public bool WasSent(string value) => _sent.ContainsKey(value);

    /// <summary>Writes from several clients until each of them meets an error; that error must say that the outcome is unknown.</summary>
    public Task RunUntilTheServerDies()
    {
        var round = Interlocked.Increment(ref _round);
        return Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => Write(round, writer, null))));
    }

    /// <summary>Writes from several clients until it is told to stop; an error that says that the outcome is unknown is followed by another write.</summary>
    public Task RunThroughErrors(CancellationToken stop)
    {
        var round = Interlocked.Increment(ref _round);
        return Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => Write(round, writer, stop), CancellationToken.None)));
    }

    /// <summary>
    /// Fails unless a history holds every acknowledged write as it was acknowledged, and nothing that nobody sent or that was sent once and is there twice.
    /// </summary>
    /// <param name="history">Events by revision, without a gap.</param>
    /// <param name="first">Revision of the first.</param>
    public void AssertHolds(List<Event[]> history, long first)
    {
        Assert.All(_acknowledged.Keys, revision => Assert.InRange(revision, 2, first + history.Count - 1));
        var values = new HashSet<string>();
        for (var i = 0; i < history.Count; i++)
        {
            var told = history[i].Select(Told).ToArray();
            if (_acknowledged.TryGetValue(first + i, out var written))
                Assert.Equal(written, told);

            foreach (var (key, value) in told.Where(change => change.Value is not null && change.Key.StartsWith("/registry/load", StringComparison.Ordinal)))
            {
                Assert.True(WasSent(value!), $"nobody sent {key} = {value}");
                Assert.True(values.Add(value!), $"{key} = {value} was written twice");
            }
        }
    }

    private static (string Key, string? Value) Told(Event change)
        => (change.Kv.Key.ToStringUtf8(), change.Type == Event.Types.EventType.Put ? change.Kv.Value.ToStringUtf8() : null);

    // Without a token it ends with the first error.
    private async Task Write(int round, int writer, CancellationToken? stop)
    {
        using var channel = new EtcdChannel(address);
        var random = Draw.From((round * Writers) + writer);
        for (var i = 0; stop is not { IsCancellationRequested: true }; i++)
        {
            var operations = Enumerable.Range(0, random.Next(4) == 0 ? 3 : 1).Select(n => Operation(random, writer, n, $"{round}.{writer}.{i}.{n}")).ToArray();
            var request = new TxnRequest();
            request.Success.AddRange(operations.Select(ToRequest));
            try
            {
                var reply = await channel.Txn(request);
                // A deletion of what was not there is no write, and a transaction of these alone takes no revision.
                var written = operations.Where((_, n) => reply.Responses[n].ResponseDeleteRange is not { Deleted: 0 }).ToArray();
                if (written.Length > 0 && !_acknowledged.TryAdd(reply.Header.Revision, written))
                    throw new InvalidOperationException($"two writes were answered with revision {reply.Header.Revision}");
            }
            catch (RpcException unknown) when (unknown.StatusCode == StatusCode.Unavailable)
            {
                if (stop is null)
                    return;

                await Task.Delay(10);
            }
        }
    }

    private (string Key, string? Value) Operation(Random random, int writer, int n, string value)
    {
        // The keys of one transaction are of different series, as it may not write one twice.
        var key = $"/registry/load{n}/{writer}/{random.Next(20):00}";
        if (random.Next(6) == 0)
            return (key, null);

        _sent[value] = true;
        return (key, value);
    }

    private static RequestOp ToRequest((string Key, string? Value) operation)
    {
        var key = ByteString.CopyFromUtf8(operation.Key);
        return operation.Value is null
            ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } }
            : new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8(operation.Value) } };
    }
}
