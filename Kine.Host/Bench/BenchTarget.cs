using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench.Http2;
using Kine.Host.Bench.Workloads;

namespace Kine.Host.Bench;

/// <summary>One server under measurement, with its connections and callers.</summary>
internal sealed class BenchTarget : IAsyncDisposable
{
    private const int ScanLimit = 5000; // keys of a page

    private readonly BenchOptions _options;
    private readonly List<EtcdChannel> _channels = [];
    private readonly ValueSource _values;
    private readonly KeySpace _keys;

    public BenchTarget(string name, string endpoint, int? pid, BenchOptions options)
    {
        _options = options;
        Name = name;
        Endpoint = endpoint;
        Process = pid is { } id ? new ServerProcess(id) : null;
        _values = new ValueSource(options.ValueSize, options.Seed);
        _keys = options.Mode == BenchMode.Create
            ? new KeySpace(options.Prefix, $"c{(uint)options.Seed:x8}", options.KeySize)
            : new KeySpace(options.Prefix, $"k{options.KeySize}v{options.ValueSize}", options.KeySize);
        var channelOptions = options.Channel with { InlineContinuations = options.Mode != BenchMode.Watch };
        for (var index = 0; index < options.Connections; index++)
        {
            _channels.Add(new EtcdChannel(endpoint, channelOptions));
        }

        Clients = [.. Enumerable.Range(0, options.Clients).Select(index => new BenchClient(index, ChannelOf(index), options.Seed))];
    }

    /// <summary>A or B.</summary>
    public string Name { get; }

    public string Endpoint { get; }

    public ServerProcess? Process { get; }

    public BenchClient[] Clients { get; }

    public KeySpace Keys => _keys;

    public EtcdChannel ChannelOf(int client) => _channels[client % _channels.Count];

    /// <exception cref="GrpcException">Nobody there.</exception>
    public async Task Connect(CancellationToken cancellationToken)
    {
        foreach (var channel in _channels)
        {
            await channel.Connect(cancellationToken);
        }
    }

    /// <summary>The loading that the mode needs and that was not done before, or null.</summary>
    public async Task<LoadWorkload?> Missing(CancellationToken cancellationToken)
    {
        if (!_options.Load || _options.Mode is BenchMode.Put or BenchMode.Create or BenchMode.Watch)
        {
            return null;
        }

        var request = new RangeRequest { Key = ByteString.CopyFrom(_keys.Directory), RangeEnd = ByteString.CopyFrom(_keys.End()), CountOnly = true };
        var reply = await _channels[0].Unary<RangeResponse>(EtcdMethods.Range, request, cancellationToken: cancellationToken);
        return reply.Count >= _options.Keys ? null : new LoadWorkload(_keys, _options.Keys, _values, _options.ValueSize);
    }

    /// <summary>The requests of the mode. For updates this reads all keys' revisions.</summary>
    public async Task<Workload> CreateWorkload(CancellationToken cancellationToken) => _options.Mode switch
    {
        BenchMode.Put => new PutWorkload(_keys, _options.Keys, _options.InTurn, _values),
        BenchMode.Create => new CreateWorkload(_keys, _values),
        BenchMode.Update => new UpdateWorkload(_keys, await ScanRevisions(cancellationToken), _options.Clients, _values),
        BenchMode.Get => new GetWorkload(_keys, _options.Keys, _options.Serializable),
        BenchMode.List => new ListWorkload(_keys, _options.Keys, _options.Limit, _options.Serializable),
        BenchMode.Walk => new WalkWorkload(_keys, _options.Limit, _options.Clients),
        BenchMode.Count => new CountWorkload(_keys, _options.Keys, _options.Serializable),
        _ => throw new BenchException($"{_options.Mode} has no requests of this kind"),
    };

    /// <summary>Compacts up to the current revision and waits until all of it is done.</summary>
    /// <exception cref="GrpcException">The server refused.</exception>
    public async Task Compact()
    {
        // A channel of its own: what follows an await must not run on a read loop that the callers live on.
        await using var channel = new EtcdChannel(Endpoint, _options.Channel);
        var current = await channel.Unary<RangeResponse>(EtcdMethods.Range, new RangeRequest { Key = ByteString.CopyFrom(_keys.Directory) });
        await channel.Unary(EtcdMethods.Compact, new CompactionRequest { Revision = current.Header.Revision, Physical = true }.ToByteArray());
    }

    /// <summary>Compacts with a target that is used for nothing else.</summary>
    /// <exception cref="GrpcException">The server refused.</exception>
    public async Task CompactAndDispose()
    {
        await using (this)
        {
            await Compact();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in _channels)
        {
            await channel.DisposeAsync();
        }
    }

    private async Task<long[]> ScanRevisions(CancellationToken cancellationToken)
    {
        var revisions = new long[_options.Keys];
        var request = new RangeRequest
        {
            Key = ByteString.CopyFrom(_keys.Directory),
            RangeEnd = ByteString.CopyFrom(_keys.End()),
            Limit = ScanLimit,
            KeysOnly = true,
        };
        while (true)
        {
            var page = await _channels[0].Unary<RangeResponse>(EtcdMethods.Range, request, cancellationToken: cancellationToken);
            foreach (var kv in page.Kvs)
            {
                var number = _keys.NumberOf(kv.Key.Span);
                if (number >= 0 && number < revisions.Length)
                {
                    revisions[number] = kv.ModRevision;
                }
            }

            if (!page.More)
            {
                return revisions;
            }

            request.Key = ByteString.CopyFrom([.. page.Kvs[^1].Key.Span, 0]);
            request.Revision = page.Header.Revision;
        }
    }
}
