using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>100,000 leases: what they take, how late they end, and how many keep-alives a second are answered.</summary>
internal static class LeaseFigures
{
    private const int Leases = 100_000;
    private const int Callers = 64;
    private const int KeepAlivesUnderWay = 16; // of each stream
    private const long LongSeconds = 3_600;
    private const long ShortSeconds = 60;
    private const double MemoryLimit = 60; // MB
    private const double LateLimit = 1; // s
    private const double KeepAliveLimit = 20_000; // a second
    private const string Prefix = "lease/";
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(15);

    public static async Task Run(FigureSheet sheet)
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder);
        using var channel = new EtcdChannel(server.Endpoint);

        // What as many writes take without a lease is not the leases'.
        await InParallel(Leases, i => channel.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("same"), Value = ByteString.CopyFromUtf8($"{i}") }).ResponseAsync);
        await Task.Delay(Settle, sheet.Stopped);
        var before = server.ResidentBytes;
        await InParallel(Leases, i => Grant(channel, i + 1, LongSeconds));
        await Task.Delay(Settle, sheet.Stopped);
        sheet.Add(new Figure($"{Leases:N0} leases: RSS more than without", FigureUnits.Megabytes(server.ResidentBytes - before), MemoryLimit, "MB"));

        await KeepAlives(channel, TimeSpan.FromSeconds(2)); // warm-up
        var rate = await KeepAlives(channel, sheet.Options.RoundTime);
        sheet.Add(new Figure(
            $"{Leases:N0} leases: keep-alives a second", rate, KeepAliveLimit, "/s", AtLeast: true,
            Note: $"{Callers} streams, {KeepAlivesUnderWay} under way on each, the client on the same machine"));

        var late = await Expire(channel, sheet.Stopped);
        sheet.Add(new Figure($"{Leases:N0} leases: the latest end, as a watch of their keys sees it", late.TotalSeconds, LateLimit, "s"));
    }

    private static Task Grant(EtcdChannel channel, long id, long seconds) =>
        channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = seconds }).ResponseAsync;

    private static async Task<double> KeepAlives(EtcdChannel channel, TimeSpan time)
    {
        var start = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            using var call = channel.Lease.LeaseKeepAlive();
            var sent = 0;
            var answered = 0;
            while (answered < sent || Stopwatch.GetElapsedTime(start) < time)
            {
                for (; sent - answered < KeepAlivesUnderWay && Stopwatch.GetElapsedTime(start) < time; sent++)
                    await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 + ((caller + (sent * Callers)) % Leases) });

                if (sent == answered)
                    break;

                await call.ResponseStream.MoveNext(CancellationToken.None);
                if (call.ResponseStream.Current.TTL != LongSeconds)
                    throw new TimeoutException($"lease {call.ResponseStream.Current.ID} was not kept alive");

                answered++;
            }

            return answered;
        })));
        return counts.Sum() / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // Counted from when the grant was answered, which is after its clock began to run.
    private static async Task<TimeSpan> Expire(EtcdChannel channel, CancellationToken stopped)
    {
        var due = new long[Leases];
        using var watch = channel.Watch.Watch(cancellationToken: stopped);
        await watch.RequestStream.WriteAsync(
            new WatchRequest
            {
                CreateRequest = new WatchCreateRequest
                {
                    Key = ByteString.CopyFromUtf8(Prefix),
                    RangeEnd = ByteString.CopyFromUtf8("lease0"),
                    Filters = { WatchCreateRequest.Types.FilterType.Noput },
                },
            },
            stopped);
        var latest = Task.Run(() => Latest(watch.ResponseStream, due, stopped), stopped);
        await InParallel(Leases, async i =>
        {
            var id = (2L * Leases) + i;
            await Grant(channel, id, ShortSeconds);
            due[i] = Stopwatch.GetTimestamp() + (ShortSeconds * Stopwatch.Frequency);
            await channel.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"{Prefix}{i}"), Lease = id });
        });
        return await latest;
    }

    private static async Task<TimeSpan> Latest(IAsyncStreamReader<WatchResponse> replies, long[] due, CancellationToken stopped)
    {
        var latest = TimeSpan.Zero;
        for (var ended = 0; ended < due.Length && await replies.MoveNext(stopped);)
        {
            var now = Stopwatch.GetTimestamp();
            foreach (var change in replies.Current.Events)
            {
                var late = Stopwatch.GetElapsedTime(due[int.Parse(change.Kv.Key.ToStringUtf8()[Prefix.Length..])], now);
                latest = late > latest ? late : latest;
                ended++;
            }
        }

        return latest;
    }

    private static Task InParallel(int count, Func<int, Task> call) => Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
    {
        for (var i = caller; i < count; i += Callers)
            await call(i);
    }));
}
