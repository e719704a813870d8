using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Kine.Tests.Grains;
using Kine.Tests.Runtime;
using Kine.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Silos;

/// <summary>One process of a cluster, as far as grains can tell: a silo with reads and watches of its own, on a store that all share.</summary>
internal sealed class Silo : IAsyncDisposable
{
    private readonly ErrorLog _logged = new();
    private readonly SiloNetwork? _network;
    private readonly int _primary;
    private readonly WriterOptions _writer;
    private GrainHost? _host;

    private Silo(IRevisionStore store, int primary, WriterOptions writer, SiloNetwork? network)
    {
        Store = new CountingStore(store);
        Port = FreePort.Next();
        _primary = primary;
        _writer = writer;
        _network = network;
    }

    public CountingStore Store { get; }

    public int Port { get; }

    public IEtcdApi Api => _host?.Api ?? throw new InvalidOperationException("The silo was not started.");

    /// <summary>What was logged as an error.</summary>
    public ErrorLog Logged => _logged;

    private GrainHostingOptions Grains =>
        new() { SiloPort = Port, PrimarySiloPort = _primary, GatewayPort = FreePort.Next(), Configure = _network is null ? null : _network.AddTo };

    /// <summary>A silo that is not started: somebody else's host takes it in.</summary>
    public static Silo Prepare(IRevisionStore store, WriterOptions writer, Silo? primary = null, SiloNetwork? network = null) =>
        new(store, primary?.Port ?? 0, writer, network);

    public static async Task<Silo> Start(IRevisionStore store, WriterOptions writer, Silo? primary = null, SiloNetwork? network = null)
    {
        var silo = Prepare(store, writer, primary, network);
        silo._host = await GrainHost.Start(silo.Store, writer, silo.Grains, LoggerFactory.Create(logging => logging.AddProvider(silo._logged)));
        return silo;
    }

    /// <summary>Adds it to a host that starts it.</summary>
    public void AddTo(IServiceCollection services) => services.AddKine(Store, _writer, new WatchHubOptions(), Grains);

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

    public Task Stop(CancellationToken cancellationToken = default) => _host?.Stop(cancellationToken) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync() => await Stop();
}
