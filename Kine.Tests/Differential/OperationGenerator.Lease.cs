using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

public sealed partial class OperationGenerator
{
    private const long LongTtl = 100_000; // seconds; no lease of the run expires

    private Operation Lease() => view.Random.Next(10) switch
    {
        < 4 => new UnaryOperation<LeaseGrantResponse>(
            EtcdMethods.LeaseGrant,
            new LeaseGrantRequest { ID = view.LeaseId(), TTL = view.Chance(0.05) ? 9_000_000_000 + view.Random.Next(2) : LongTtl + view.Random.Next(1000) }),
        4 => GrantAndRevoke(),
        5 => new UnaryOperation<LeaseRevokeResponse>(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = view.Chance(0.1) ? 5 : view.LeaseId() }),
        6 => KeepAlive(),
        7 or 8 => TimeToLive(),
        _ => new UnaryOperation<LeaseLeasesResponse>(EtcdMethods.LeaseLeases, new LeaseLeasesRequest(), AsSet),
    };

    // Short times and ids of the server's choice, gone before either shows.
    private CompoundOperation GrantAndRevoke()
    {
        var request = new LeaseGrantRequest { TTL = view.Pick<long>(-5, 0, 1, 2, 3, 100, 9_000_000_001), ID = view.Chance(0.5) ? 0 : 424242 };
        return new CompoundOperation($"LeaseGrant and LeaseRevoke {MessageText.Of(request)}", async side =>
        {
            var granted = await side.Channel.Unary<LeaseGrantResponse>(EtcdMethods.LeaseGrant, request);
            var revoked = await side.Channel.Unary<LeaseRevokeResponse>(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = granted.ID });
            if (request.ID == 0)
                granted.ID = granted.ID > 0 ? 1 : throw new RpcError(StatusCode.Internal, $"the server chose the lease id {granted.ID}");

            return Answer.From(revoked, MessageText.Of(granted) + " " + MessageText.Of(revoked));
        });
    }

    private CompoundOperation KeepAlive()
    {
        long[] ids = [.. Enumerable.Range(0, view.Random.Next(1, 4)).Select(_ => view.LeaseId())];
        return new CompoundOperation($"LeaseKeepAlive {string.Join(", ", ids)}", async side =>
        {
            using var call = side.Channel.Duplex<LeaseKeepAliveRequest, LeaseKeepAliveResponse>(EtcdMethods.LeaseKeepAlive);
            var replies = new List<string>();
            LeaseKeepAliveResponse? reply = null;
            foreach (var id in ids)
            {
                await call.Write(new LeaseKeepAliveRequest { ID = id });
                reply = await call.Read() ?? throw new RpcError(StatusCode.Internal, "the keep-alive stream was ended by the server");
                replies.Add(MessageText.Of(reply));
            }
            call.CloseWrites();
            if (await call.Read() is not null)
                throw new RpcError(StatusCode.Internal, "a keep-alive reply that nobody asked for");

            return Answer.From(reply!, string.Join(" ", replies));
        });
    }

    private UnaryOperation<LeaseTimeToLiveResponse> TimeToLive()
    {
        var request = new LeaseTimeToLiveRequest { ID = view.Chance(0.1) ? 5 : view.LeaseId(), Keys = view.Chance(0.7) };
        return new UnaryOperation<LeaseTimeToLiveResponse>(EtcdMethods.LeaseTimeToLive, request, reply =>
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
