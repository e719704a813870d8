using System.CommandLine;
using System.Globalization;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>The command-line options of one bench mode.</summary>
internal sealed class BenchArguments
{
    private readonly BenchMode _mode;
    private readonly Option<string> _endpoint = new("--endpoint") { Description = "The server, A: http://, https:// or unix://.", DefaultValueFactory = _ => "http://127.0.0.1:2379" };
    private readonly Option<string?> _compare = new("--compare") { Description = "A second server, B, measured in turns with A." };
    private readonly Option<int> _clients = Number("--clients", "Callers that each wait for their reply (watch: watchers).", 64);
    private readonly Option<int> _connections = Number("--connections", "HTTP/2 connections they share.", 4);
    private readonly Option<int> _writers = Number("--writers", "Callers that write while others watch.", 4);
    private readonly Option<int> _keySize = Number("--key-size", "Length of a key in bytes.", 64);
    private readonly Option<int> _valueSize = Number("--value-size", "Length of a value in bytes.", 512);
    private readonly Option<int> _keys = Number("--keys", "Number of keys to choose from.", 10_000);
    private readonly Option<string> _prefix = new("--prefix") { Description = "What all keys begin with.", DefaultValueFactory = _ => "/registry/bench/" };
    private readonly Option<int> _limit = Number("--limit", "Keys of a page.", 500);
    private readonly Option<string> _duration = Time("--duration", "Measured time of a round, such as 10s or 2m.", "10s");
    private readonly Option<string> _warmup = Time("--warmup", "Time before the first round that is not measured.", "1s");
    private readonly Option<long> _total = new("--total") { Description = "Operations of a round, instead of a duration." };
    private readonly Option<double> _rate = new("--rate") { Description = "Operations a second of all callers together (watch: writes, default 1000)." };
    private readonly Option<int?> _rounds = new("--rounds") { Description = "Rounds for each server (default 1, with --compare 5)." };
    private readonly Option<long?> _seed = new("--seed") { Description = "Start of all random choices (default: the time)." };
    private readonly Option<bool> _inTurn = new("--in-turn") { Description = "Take every key in turn, in scattered order, instead of at random." };
    private readonly Option<string?> _compactAfter = Time<string?>("--compact-after", "Time into each round at which all older revisions are compacted away.");
    private readonly Option<bool> _serializable = new("--serializable") { Description = "Serializable reads." };
    private readonly Option<bool> _noLoad = new("--no-load") { Description = "Expect the keys to be there instead of writing them first." };
    private readonly Option<int?> _pid = new("--pid") { Description = "Process of A, to show its CPU and memory (default: who listens there, on this machine)." };
    private readonly Option<int?> _comparePid = new("--compare-pid") { Description = "Process of B." };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };
    private readonly Option<string?> _caFile = new("--cacert") { Description = "CA of the servers' certificates (PEM)." };
    private readonly Option<string?> _certFile = new("--cert") { Description = "Client certificate (PEM)." };
    private readonly Option<string?> _keyFile = new("--key") { Description = "Key of the client certificate (PEM)." };
    private readonly Option<bool> _skipVerify = new("--insecure-skip-tls-verify") { Description = "Accept any server certificate." };

    public BenchArguments(BenchMode mode) => _mode = mode;

    /// <summary>The options that mean something in this mode.</summary>
    public IEnumerable<Option> All
    {
        get
        {
            var reads = _mode is BenchMode.Get or BenchMode.List or BenchMode.Walk or BenchMode.Count;
            Option[] always = [_endpoint, _compare, _clients, _connections, _keySize, _valueSize, _prefix, _duration, _warmup, _total, _rate, _rounds, _seed,
                _pid, _comparePid, _json, _caFile, _certFile, _keyFile, _skipVerify];
            return [.. always,
                .. Only(_mode != BenchMode.Create, _keys),
                .. Only(_mode is BenchMode.List or BenchMode.Walk, _limit),
                .. Only(_mode == BenchMode.Watch, _writers),
                .. Only(_mode == BenchMode.Put, _inTurn),
                .. Only(_mode != BenchMode.Watch, _compactAfter),
                .. Only(reads, _serializable),
                .. Only(reads || _mode == BenchMode.Update, _noLoad)];
        }
    }

    /// <exception cref="BenchException">An option has no sensible value.</exception>
    /// <exception cref="FormatException">A certificate cannot be read.</exception>
    public BenchOptions Read(ParseResult parsed)
    {
        var present = All.ToHashSet();
        T Value<T>(Option<T> option, T absent) => present.Contains(option) ? parsed.GetValue(option)! : absent;
        var compare = parsed.GetValue(_compare);
        var options = new BenchOptions
        {
            Mode = _mode,
            Endpoint = parsed.GetValue(_endpoint)!,
            Compare = compare,
            Clients = parsed.GetValue(_clients),
            Connections = parsed.GetValue(_connections),
            Writers = Value(_writers, 1),
            KeySize = parsed.GetValue(_keySize),
            ValueSize = parsed.GetValue(_valueSize),
            Keys = Value(_keys, 1),
            Prefix = parsed.GetValue(_prefix)!,
            Limit = Value(_limit, 1),
            Duration = ParseTime(parsed.GetValue(_duration)!)!.Value,
            Warmup = parsed.GetValue(_total) > 0 || _mode == BenchMode.Walk ? TimeSpan.Zero : ParseTime(parsed.GetValue(_warmup)!)!.Value,
            Total = parsed.GetValue(_total),
            Rate = parsed.GetValue(_rate),
            Rounds = parsed.GetValue(_rounds) ?? (compare is null ? 1 : 5),
            Seed = parsed.GetValue(_seed) ?? TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() & int.MaxValue,
            InTurn = Value(_inTurn, false),
            CompactAfter = Value(_compactAfter, null) is { } after ? ParseTime(after) : null,
            Serializable = Value(_serializable, false),
            Load = !Value(_noLoad, false),
            Pid = parsed.GetValue(_pid) ?? ListeningProcess.Find(EtcdEndpoint.Parse(parsed.GetValue(_endpoint)!)),
            ComparePid = parsed.GetValue(_comparePid) ?? (compare is null ? null : ListeningProcess.Find(EtcdEndpoint.Parse(compare))),
            Json = parsed.GetValue(_json),
            Tls = ClientTls.Read(parsed.GetValue(_caFile), parsed.GetValue(_certFile), parsed.GetValue(_keyFile), parsed.GetValue(_skipVerify)),
        };
        if (options.Total < 0 || options.Rate < 0 || options.Rounds < 1)
        {
            throw new BenchException("--total and --rate cannot be negative, --rounds must be at least 1");
        }

        return options;
    }

    /// <summary>Reads <c>10</c> (seconds), <c>10s</c>, <c>500ms</c>, <c>2m</c>, <c>1h</c> or a sum such as <c>1m30s</c>.</summary>
    public static TimeSpan? ParseTime(string text)
    {
        var sum = TimeSpan.Zero;
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept("0123456789.");
            var number = digits < 0 ? rest : rest[..digits];
            rest = rest[number.Length..];
            var letters = rest.IndexOfAnyInRange('0', '9');
            var unit = letters < 0 ? rest : rest[..letters];
            rest = rest[unit.Length..];
            double? seconds = unit switch
            {
                "ms" => 0.001,
                "s" or "" => 1,
                "m" => 60,
                "h" => 3600,
                _ => null,
            };
            if (seconds is null || !double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count) || count > 1e6)
            {
                return null;
            }

            sum += TimeSpan.FromSeconds(count * seconds.Value);
        }

        return text.Length == 0 ? null : sum;
    }

    private static IEnumerable<Option> Only(bool condition, Option option) => condition ? [option] : [];

    private static Option<int> Number(string name, string description, int absent)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => absent };
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() is false && result.GetValue(option) < 1)
            {
                result.AddError($"{name} must be at least 1");
            }
        });
        return option;
    }

    private static Option<string> Time(string name, string description, string absent)
    {
        var option = Time<string>(name, description);
        option.DefaultValueFactory = _ => absent;
        return option;
    }

    private static Option<T> Time<T>(string name, string description)
    {
        var option = new Option<T>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && ParseTime(result.Tokens[0].Value) is null)
            {
                result.AddError($"{name} '{result.Tokens[0].Value}' is no duration such as 10s, 500ms or 1m30s");
            }
        });
        return option;
    }
}
