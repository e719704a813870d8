using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Import;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>
/// The present state of a server that gives no snapshot (upstream kine), read in pages at one revision. What came before is unknown: the revision read at becomes
/// the compaction mark. Pairs come in key order and are needed by revision: they wait in a temporary file, of which only the places are in memory.
/// </summary>
internal sealed class PagesSource : IHistorySource
{
    private readonly FileStream _file;
    private readonly List<Place> _places;
    private readonly string _address;

    private PagesSource(FileStream file, List<Place> places, string address, string identity, ImportEnd end)
    {
        _file = file;
        _places = places;
        _address = address;
        Identity = identity;
        End = end;
    }

    public string Description => $"the keys of {_address}, without their past";

    public string Identity { get; }

    public long LastRevision => End.Revision;

    public ImportEnd End { get; }

    /// <summary>Reads all of the server's pairs. <paramref name="progress"/> gets their number.</summary>
    public static async Task<PagesSource> Read(EtcdChannel channel, ServerPages pages, Action<long> progress, CancellationToken cancellationToken)
    {
        var file = new FileStream(
            Path.GetTempFileName(), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        try
        {
            var places = new List<Place>();
            var leases = new HashSet<long>();
            await foreach (var pair in pages.Read(keysOnly: false, cancellationToken))
            {
                var bytes = pair.ToByteArray();
                places.Add(new Place(pair.ModRevision, places.Count, file.Position, bytes.Length));
                await file.WriteAsync(bytes, cancellationToken);
                if (pair.Lease != 0)
                    leases.Add(pair.Lease);

                progress(places.Count);
            }

            places.Sort(static (x, y) => (x.Revision, x.Number).CompareTo((y.Revision, y.Number)));
            var granted = new List<(long, long)>();
            foreach (var lease in leases)
                granted.Add((lease, await Ttl(channel, lease, cancellationToken)));

            var address = channel.Endpoint.Authority;
            var identity = pages.ClusterId != 0 ? $"etcd cluster {pages.ClusterId:x}, keys alone" : $"server {address}, keys alone";
            return new PagesSource(file, places, address, identity, new ImportEnd(pages.Revision, pages.Revision, granted, []));
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    public async IAsyncEnumerable<LogRecord> Records([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await _file.FlushAsync(cancellationToken);
        long revision = 0;
        var sub = 0;
        foreach (var place in _places)
        {
            var bytes = new byte[place.Length];
            _file.Position = place.Offset;
            await _file.ReadExactlyAsync(bytes, cancellationToken);
            var pair = KeyValue.Parser.ParseFrom(bytes);
            sub = place.Revision == revision ? sub + 1 : 0;
            revision = place.Revision;

            // Upstream kine counts no versions.
            var version = pair.Version > 0 ? pair.Version : pair.CreateRevision == pair.ModRevision ? 1 : 2;
            yield return new LogRecord(
                pair.ModRevision, sub, pair.Key.Memory, pair.CreateRevision, version, pair.Lease, false, pair.Value.Memory);
        }
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    // Upstream kine has no leases: what it calls a lease's id is the time to live.
    private static async Task<long> Ttl(EtcdChannel channel, long lease, CancellationToken cancellationToken)
    {
        try
        {
            var reply = await channel.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease }, cancellationToken: cancellationToken);
            return Math.Max(reply.GrantedTTL, 1);
        }
        catch (RpcException error) when (error.StatusCode is StatusCode.Unknown or StatusCode.Unimplemented && lease > 0)
        {
            return lease;
        }
    }

    private readonly record struct Place(long Revision, int Number, long Offset, int Length);
}
