using System.CommandLine;
using Kine.Backends.Endpoints;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>The command-line options of one bench mode.</summary>
internal sealed class BenchArguments(BenchMode mode)
{
    private readonly Option<string> _endpoint = new("--endpoint") { Description = "The server, A: http://, https:// or unix://.", DefaultValueFactory = _ => "http://127.0.0.1:2379" };
    private readonly Option<string?> _compare = new("--compare") { Description = "A second server, B, measured in turns with A." };
    private readonly Option<int> _clients = Number("--clients", "Callers that each wait for their reply (watch: watchers).", 64);
    private readonly Option<int> _connections = Number("--connections", "HTTP/2 connections they share.", 4);
    private readonly Option<int> _writers = Number("--writers", "Callers that write while others watch.", 4);
    private readonly Option<string?> _writeEndpoint = new("--write-endpoint")
    {
        Description = "Where they write: another process of the same cluster (default: where the watchers are).",
    };
    private readonly Option<int> _keySize = Number("--key-size", "Length of a key in bytes.", 64);
    private readonly Option<int> _valueSize = Number("--value-size", "Length of a value in bytes.", 512);
    private readonly Option<int> _keys = Number("--keys", "Number of keys to choose from.", 10_000);
    private readonly Option<string> _prefix = new("--prefix") { Description = "What all keys begin with.", DefaultValueFactory = _ => "/registry/bench/" };
    private readonly Option<int> _limit = Number("--limit", "Keys of a page.", 500);
    private readonly Option<TimeSpan?> _duration = Time("--duration", "Measured time of a round, such as 500ms or 2m (default 10s).");
    private readonly Option<TimeSpan?> _warmup = Time("--warmup", "Time before the first round that is not measured (default 1s).");
    private readonly Option<long> _total = new("--total") { Description = "Operations of a round, instead of a duration." };
    private readonly Option<double> _rate = new("--rate") { Description = "Operations a second of all callers together (watch: writes, default 1000)." };
    private readonly Option<int?> _rounds = new("--rounds") { Description = "Rounds for each server (default 1, with --compare 5)." };
    private readonly Option<long?> _seed = new("--seed") { Description = "Start of all random choices (default: the time)." };
    private readonly Option<bool> _inTurn = new("--in-turn") { Description = "Take every key in turn, in scattered order, instead of at random." };
    private readonly Option<TimeSpan?> _compactAfter = Time("--compact-after", "Time into each round at which all older revisions are compacted away.");
    private readonly Option<bool> _serializable = new("--serializable") { Description = "Serializable reads." };
    private readonly Option<bool> _noLoad = new("--no-load") { Description = "Expect the keys to be there instead of writing them first." };
    private readonly Option<int?> _pid = new("--pid") { Description = "Process of A, to show its CPU and memory (default: who listens there, on this machine)." };
    private readonly Option<int?> _comparePid = new("--compare-pid") { Description = "Process of B." };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };
    private readonly ServerArguments _server = new();

    /// <summary>The options that mean something in this mode.</summary>
    public IEnumerable<Option> All
    {
        get
        {
            var reads = mode is BenchMode.Get or BenchMode.List or BenchMode.Walk or BenchMode.Count;
            Option[] always = [_endpoint, _compare, _clients, _connections, _keySize, _valueSize, _prefix, _duration, _warmup, _total, _rate, _rounds, _seed,
                _pid, _comparePid, _json, .. _server.All];
            return [.. always,
                .. Only(mode != BenchMode.Create, _keys),
                .. Only(mode is BenchMode.List or BenchMode.Walk, _limit),
                .. Only(mode == BenchMode.Watch, _writers),
                .. Only(mode == BenchMode.Watch, _writeEndpoint),
                .. Only(mode == BenchMode.Put, _inTurn),
                .. Only(mode != BenchMode.Watch, _compactAfter),
                .. Only(reads, _serializable),
                .. Only(reads || mode == BenchMode.Update, _noLoad)];
        }
    }

    /// <exception cref="BenchException">An option has no sensible value.</exception>
    /// <exception cref="FormatException">A certificate cannot be read.</exception>
    public BenchOptions Read(ParseResult parsed)
    {
        var compare = parsed.GetValue(_compare);
        var total = parsed.GetValue(_total);
        var options = new BenchOptions
        {
            Mode = mode,
            Endpoint = parsed.GetValue(_endpoint)!,
            Compare = compare,
            Clients = parsed.GetValue(_clients),
            Connections = parsed.GetValue(_connections),
            Writers = parsed.GetValue(_writers),
            WriteEndpoint = parsed.GetValue(_writeEndpoint),
            KeySize = parsed.GetValue(_keySize),
            ValueSize = parsed.GetValue(_valueSize),
            Keys = parsed.GetValue(_keys),
            Prefix = parsed.GetValue(_prefix)!,
            Limit = parsed.GetValue(_limit),
            Duration = parsed.GetValue(_duration) ?? TimeSpan.FromSeconds(10),
            Warmup = total > 0 || mode == BenchMode.Walk ? TimeSpan.Zero : parsed.GetValue(_warmup) ?? TimeSpan.FromSeconds(1),
            Total = total,
            Rate = parsed.GetValue(_rate),
            Rounds = parsed.GetValue(_rounds) ?? (compare is null ? 1 : 5),
            Seed = parsed.GetValue(_seed) ?? TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() & int.MaxValue,
            InTurn = parsed.GetValue(_inTurn),
            CompactAfter = parsed.GetValue(_compactAfter),
            Serializable = parsed.GetValue(_serializable),
            Load = !parsed.GetValue(_noLoad),
            Pid = parsed.GetValue(_pid) ?? ListeningProcess.Find(EtcdEndpoint.Parse(parsed.GetValue(_endpoint)!)),
            ComparePid = parsed.GetValue(_comparePid) ?? (compare is null ? null : ListeningProcess.Find(EtcdEndpoint.Parse(compare))),
            Json = parsed.GetValue(_json),
            Tls = _server.Read(parsed),
        };
        return options is { Total: >= 0, Rate: >= 0, Rounds: >= 1 }
            ? options
            : throw new BenchException("--total and --rate cannot be negative, --rounds must be at least 1");
    }

    private static IEnumerable<Option> Only(bool condition, Option option) => condition ? [option] : [];

    private static Option<int> Number(string name, string description, int absent)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => absent };
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() is false && result.GetValue(option) < 1)
                result.AddError($"{name} must be at least 1");
        });
        return option;
    }

    private static Option<TimeSpan?> Time(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (GoDuration.TryParse(result.Tokens[0].Value, out var time) && time >= TimeSpan.Zero)
                return time;

            result.AddError($"{name} '{result.Tokens[0].Value}' is no duration such as 10s, 500ms or 1m30s");
            return null;
        },
    };
}
