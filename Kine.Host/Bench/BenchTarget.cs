using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench.Workloads;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>One server under measurement, with its connections and callers.</summary>
internal sealed class BenchTarget : IDisposable
{
    private const int ScanLimit = 5000; // keys of a page

    private readonly BenchOptions _options;
    private readonly EtcdChannel[] _channels;
    private readonly EtcdChannel[] _writing;
    private readonly ValueSource _values;

    public BenchTarget(string name, string endpoint, int? pid, BenchOptions options)
    {
        _options = options;
        Name = name;
        Endpoint = endpoint;
        Process = pid is { } id ? new ServerProcess(id) : null;
        _values = new ValueSource(options.ValueSize, options.Seed);

        // A and B may be processes of one cluster: each creates keys of its own.
        Keys = options.Mode == BenchMode.Create
            ? new BenchKeys(options.Prefix, $"{name.ToLowerInvariant()}{(uint)options.Seed:x8}", options.KeySize)
            : new BenchKeys(options.Prefix, $"k{options.KeySize}v{options.ValueSize}", options.KeySize);
        _channels = [.. Enumerable.Range(0, options.Connections).Select(_ => new EtcdChannel(endpoint, options.Tls))];
        _writing = options.WriteEndpoint is { } other ? [.. _channels.Select(_ => new EtcdChannel(other, options.Tls))] : _channels;
        Clients = [.. Enumerable.Range(0, options.Clients).Select(index => new BenchClient(index, ChannelOf(index), options.Seed))];
    }

    /// <summary>A or B.</summary>
    public string Name { get; }

    public string Endpoint { get; }

    public ServerProcess? Process { get; }

    public BenchClient[] Clients { get; }

    public BenchKeys Keys { get; }

    /// <summary>A channel has its own connection.</summary>
    public EtcdChannel ChannelOf(int client) => _channels[client % _channels.Length];

    /// <summary>The channel of a caller that writes while others watch.</summary>
    public EtcdChannel ChannelOfWriter(int writer) => _writing[writer % _writing.Length];

    /// <summary>Connects all channels.</summary>
    /// <exception cref="Grpc.Core.RpcException">Nobody there.</exception>
    public async Task Connect(CancellationToken cancellationToken)
    {
        foreach (var channel in _channels.Union(_writing))
            await channel.Kv.RangeAsync(new RangeRequest { Key = Keys.Directory }, cancellationToken: cancellationToken);
    }

    /// <summary>The loading that the mode needs and that was not done before, or null.</summary>
    public async Task<LoadWorkload?> Missing(CancellationToken cancellationToken)
    {
        if (!_options.Load || _options.Mode is BenchMode.Put or BenchMode.Create or BenchMode.Watch)
            return null;

        var request = new RangeRequest { Key = Keys.Directory, RangeEnd = Keys.End, CountOnly = true };
        var reply = await _channels[0].Kv.RangeAsync(request, cancellationToken: cancellationToken);
        return reply.Count >= _options.Keys ? null : new LoadWorkload(Keys, _options.Keys, _values, _options.ValueSize);
    }

    /// <summary>The requests of the mode. For updates this reads all keys' revisions.</summary>
    public async Task<Workload> CreateWorkload(CancellationToken cancellationToken) => _options.Mode switch
    {
        BenchMode.Put => new PutWorkload(Keys, _options.Keys, _options.InTurn, _values),
        BenchMode.Create => new CreateWorkload(Keys, _values),
        BenchMode.Update => new UpdateWorkload(Keys, await ScanRevisions(cancellationToken), _options.Clients, _values),
        BenchMode.Get => new GetWorkload(Keys, _options.Keys, _options.Serializable),
        BenchMode.List => new ListWorkload(Keys, _options.Keys, _options.Limit, _options.Serializable),
        BenchMode.Walk => new WalkWorkload(Keys, _options.Limit, _options.Clients),
        BenchMode.Count => new CountWorkload(Keys, _options.Keys, _options.Serializable),
        _ => throw new BenchException($"{_options.Mode} has no requests of this kind"),
    };

    /// <summary>Compacts up to the current revision and waits until all of it is done.</summary>
    /// <exception cref="Grpc.Core.RpcException">The server refused.</exception>
    public async Task Compact()
    {
        var current = await _channels[0].Kv.RangeAsync(new RangeRequest { Key = Keys.Directory });
        await _channels[0].Kv.CompactAsync(new CompactionRequest { Revision = current.Header.Revision, Physical = true });
    }

    public void Dispose()
    {
        foreach (var channel in _channels.Union(_writing))
            channel.Dispose();
    }

    private async Task<long[]> ScanRevisions(CancellationToken cancellationToken)
    {
        var revisions = new long[_options.Keys];
        var request = new RangeRequest { Key = Keys.Directory, RangeEnd = Keys.End, Limit = ScanLimit, KeysOnly = true };
        while (true)
        {
            var page = await _channels[0].Kv.RangeAsync(request, cancellationToken: cancellationToken);
            foreach (var kv in page.Kvs)
            {
                var number = Keys.NumberOf(kv.Key.Span);
                if (number >= 0 && number < revisions.Length)
                    revisions[number] = kv.ModRevision;
            }

            if (!page.More)
                return revisions;

            request.Key = ByteString.CopyFrom([.. page.Kvs[^1].Key.Span, 0]);
            request.Revision = page.Header.Revision;
        }
    }
}
