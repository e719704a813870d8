using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Kine.Tests.Runtime;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Silos;

/// <summary>One process of a cluster, as far as grains can tell: a silo with a keyspace and watches of its own, on a store that all share.</summary>
internal sealed class Silo : IAsyncDisposable
{
    private readonly ErrorLog _logged = new();
    private IEtcdApi? _api;
    private bool _stopped;

    private Silo(IRevisionStore store, int primary, WriterOptions writer, SiloNetwork? network)
    {
        Store = new CountingStore(store);
        Port = FreePort.Next();
        Backend = new ServerBackend(
            Store,
            writer,
            new WatchHubOptions(),
            new GrainHostingOptions { SiloPort = Port, PrimarySiloPort = primary, GatewayPort = FreePort.Next(), Configure = network is null ? null : network.AddTo },
            LoggerFactory.Create(logging => logging.AddProvider(_logged)),
            TimeProvider.System);
    }

    public CountingStore Store { get; }

    public ServerBackend Backend { get; }

    public int Port { get; }

    public IEtcdApi Api => _api ?? throw new InvalidOperationException("The silo was not started.");

    /// <summary>What was logged as an error.</summary>
    public ErrorLog Logged => _logged;

    /// <summary>A silo that is not started: <see cref="Backend"/> is somebody else's to start and stop.</summary>
    public static Silo Prepare(IRevisionStore store, WriterOptions writer, Silo? primary = null, SiloNetwork? network = null) =>
        new(store, primary?.Port ?? 0, writer, network);

    public static async Task<Silo> Start(IRevisionStore store, WriterOptions writer, Silo? primary = null, SiloNetwork? network = null)
    {
        var silo = Prepare(store, writer, primary, network);
        silo._api = await silo.Backend.Start(CancellationToken.None);
        return silo;
    }

    public Task<PutResponse> Put(string key, string value, long lease = 0) => Api.Put(
        new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value), Lease = lease }, CancellationToken.None);

    /// <summary>The whole answer, gathered from all its pieces.</summary>
    public async Task<RangeResponse> Range(RangeRequest request)
    {
        using var reply = await Api.Range(request, CancellationToken.None);
        var response = new RangeResponse { Header = new ResponseHeader { Revision = reply.Revision }, Count = reply.Count, More = reply.More };
        response.Kvs.Add(reply.First.Select(pair => KeyValue.Parser.ParseFrom(pair.Span)));
        if (reply.Rest is not null)
        {
            await foreach (var piece in reply.Rest)
            {
                response.Kvs.Add(piece.Select(pair => KeyValue.Parser.ParseFrom(pair.Span)));
            }
        }

        Assert.Equal(reply.KvsLength, response.Kvs.Sum(pair => (long)KeyValueWire.FieldLength(pair.CalculateSize())));
        return response;
    }

    public async Task Stop(CancellationToken cancellationToken = default)
    {
        if (!_stopped)
        {
            _stopped = true;
            await Backend.Stop(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync() => await Stop();
}
