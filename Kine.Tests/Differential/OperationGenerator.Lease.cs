using Google.Protobuf;
using Kine.Etcd;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

internal sealed partial class OperationGenerator
{
    private const long LongTtl = 100_000; // seconds; no lease of the run expires

    private Operation Lease() => view.Random.Next(10) switch
    {
        < 4 => new UnaryOperation<LeaseGrantRequest, LeaseGrantResponse>(
            new LeaseGrantRequest { ID = view.LeaseId(), TTL = view.Chance(0.05) ? 9_000_000_000 + view.Random.Next(2) : LongTtl + view.Random.Next(1000) },
            static (channel, request) => channel.Lease.LeaseGrantAsync(request)),
        4 => GrantAndRevoke(),
        5 => new UnaryOperation<LeaseRevokeRequest, LeaseRevokeResponse>(
            new LeaseRevokeRequest { ID = view.Chance(0.1) ? 5 : view.LeaseId() },
            static (channel, request) => channel.Lease.LeaseRevokeAsync(request)),
        6 => KeepAlive(),
        7 or 8 => TimeToLive(),
        _ => new UnaryOperation<LeaseLeasesRequest, LeaseLeasesResponse>(
            new LeaseLeasesRequest(), static (channel, request) => channel.Lease.LeaseLeasesAsync(request), AsSet),
    };

    // Short times and ids of the server's choice, gone before either shows.
    private CompoundOperation GrantAndRevoke()
    {
        var request = new LeaseGrantRequest { TTL = view.Pick<long>(-5, 0, 1, 2, 3, 100, 9_000_000_001), ID = view.Chance(0.5) ? 0 : 424242 };
        return new CompoundOperation($"LeaseGrant and LeaseRevoke {MessageText.Of(request)}", async side =>
        {
            var granted = await side.Channel.Lease.LeaseGrantAsync(request);
            var revoked = await side.Channel.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = granted.ID });
            if (request.ID == 0)
                granted.ID = granted.ID > 0 ? 1 : throw Answer.Broken($"the server chose the lease id {granted.ID}");

            return Answer.From(revoked, MessageText.Of(granted) + " " + MessageText.Of(revoked));
        });
    }

    private CompoundOperation KeepAlive()
    {
        long[] ids = [.. Enumerable.Range(0, view.Random.Next(1, 4)).Select(_ => view.LeaseId())];
        return new CompoundOperation($"LeaseKeepAlive {string.Join(", ", ids)}", async side =>
        {
            using var call = side.Channel.Lease.LeaseKeepAlive();
            var replies = new List<string>();
            LeaseKeepAliveResponse? reply = null;
            foreach (var id in ids)
            {
                await call.Write(new LeaseKeepAliveRequest { ID = id });
                reply = await call.Read() ?? throw Answer.Broken("the keep-alive stream was ended by the server");
                replies.Add(MessageText.Of(reply));
            }
            await call.RequestStream.CompleteAsync();
            if (await call.Read() is not null)
                throw Answer.Broken("a keep-alive reply that nobody asked for");

            return Answer.From(reply!, string.Join(" ", replies));
        });
    }

    private UnaryOperation<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> TimeToLive()
    {
        var request = new LeaseTimeToLiveRequest { ID = view.Chance(0.1) ? 5 : view.LeaseId(), Keys = view.Chance(0.7) };
        return new(request, static (channel, request) => channel.Lease.LeaseTimeToLiveAsync(request), static reply =>
        {
            var shown = reply.Clone();
            // The seconds that are left differ by the time between the two grants, the order of keys by chance.
            if (shown.TTL > shown.GrantedTTL || (shown.GrantedTTL > 0 && shown.TTL < shown.GrantedTTL - 3600))
                return $"TTL {shown.TTL} of {shown.GrantedTTL}";

            if (shown.GrantedTTL > 0)
                shown.TTL = 0;

            return Sorted(shown.Keys, MessageText.Of) + WithoutKeys(shown);
        });
    }

    private static string WithoutKeys(LeaseTimeToLiveResponse reply)
    {
        reply.Keys.Clear();
        return MessageText.Of(reply);
    }

    private static string AsSet(LeaseLeasesResponse reply)
    {
        var leases = Sorted(reply.Leases, lease => lease.ID.ToString());
        var frame = reply.Clone();
        frame.Leases.Clear();
        return MessageText.Of(frame) + leases;
    }

    private static string Sorted<T>(IEnumerable<T> items, Func<T, string> text)
        => "[" + string.Join(", ", items.Select(text).Order(StringComparer.Ordinal)) + "] ";
}
