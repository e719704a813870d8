using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>
/// Linearizable reads and writes of unique values through each process at a steady pace. A read must show at least the revision of its key that was known before
/// it was sent: from an answered write, or from another answered read.
/// </summary>
internal sealed class SteadyLoad(string[] endpoints)
{
    private const double PerSecond = 100; // reads, and as many writes, through each process
    private const int Keys = 64;
    private const string Directory = "/registry/steady/";
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly long[] _floors = new long[Keys];
    private readonly ConcurrentDictionary<long, (string Key, string Value)> _acknowledged = new();
    private long _value;
    private long _reads;
    private long _writes;
    private long _stale;
    private long _sharedRevisions;

    /// <summary>Reads that were answered.</summary>
    public long Reads => Volatile.Read(ref _reads);

    /// <summary>Writes that were answered.</summary>
    public long Writes => Volatile.Read(ref _writes);

    /// <summary>Reads that showed less than was known before they were sent.</summary>
    public long Stale => Volatile.Read(ref _stale);

    public CallErrors Errors { get; } = new();

    /// <summary>Goes on until it is told to stop, then waits until each call was answered or given up.</summary>
    public Task Run(CancellationToken stop) => Task.WhenAll(endpoints.Select(async endpoint =>
    {
        using var channel = new EtcdChannel(endpoint);
        await Task.WhenAll(SteadyPace.Run(PerSecond, _ => Counted(Read(channel)), stop), SteadyPace.Run(PerSecond, _ => Counted(Write(channel)), stop));
    }));

    /// <summary>Counts the acknowledged writes that are not in a history as they were acknowledged, and the values that it holds twice.</summary>
    /// <param name="first">Revision of its first events.</param>
    /// <param name="history">Events by revision, without a gap.</param>
    public (long Lost, long Doubled) Check(long first, List<Event[]> history)
    {
        var lost = _acknowledged.Count(written => Array.IndexOf(At(written.Key), written.Value) < 0);
        var values = new HashSet<string>();
        var twice = history.SelectMany(revision => revision).Select(Told)
            .Count(written => written.Key.StartsWith(Directory, StringComparison.Ordinal) && !values.Add(written.Value));
        return (lost, twice + Volatile.Read(ref _sharedRevisions));

        (string Key, string Value)[] At(long revision) =>
            revision < first || revision >= first + history.Count ? [] : [.. history[(int)(revision - first)].Select(Told)];
    }

    private static (string Key, string Value) Told(Event change) => (change.Kv.Key.ToStringUtf8(), change.Kv.Value.ToStringUtf8());

    private static string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{Directory}{number:00}");

    private async Task Read(EtcdChannel channel)
    {
        var key = Random.Shared.Next(Keys);
        var floor = Volatile.Read(ref _floors[key]);
        var reply = await channel.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8(KeyOf(key)) }, deadline: DateTime.UtcNow + LongestWait);
        var revision = reply.Kvs.Count == 0 ? 0 : reply.Kvs[0].ModRevision;
        Interlocked.Increment(ref _reads);
        if (revision < floor || reply.Header.Revision < floor)
            Interlocked.Increment(ref _stale);

        Raise(key, revision);
    }

    private async Task Write(EtcdChannel channel)
    {
        var key = Random.Shared.Next(Keys);
        var value = Interlocked.Increment(ref _value).ToString(CultureInfo.InvariantCulture);
        var request = new PutRequest { Key = ByteString.CopyFromUtf8(KeyOf(key)), Value = ByteString.CopyFromUtf8(value) };
        var reply = await channel.Kv.PutAsync(request, deadline: DateTime.UtcNow + LongestWait);
        Interlocked.Increment(ref _writes);
        if (!_acknowledged.TryAdd(reply.Header.Revision, (KeyOf(key), value)))
            Interlocked.Increment(ref _sharedRevisions);

        Raise(key, reply.Header.Revision);
    }

    private void Raise(int key, long revision)
    {
        for (var known = Volatile.Read(ref _floors[key]); known < revision; known = Volatile.Read(ref _floors[key]))
            Interlocked.CompareExchange(ref _floors[key], revision, known);
    }

    private async Task Counted(Task call)
    {
        try
        {
            await call;
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException)
        {
            Errors.Add(error);
        }
    }
}
