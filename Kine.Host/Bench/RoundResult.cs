using System.Collections.Concurrent;
using HdrHistogram;

namespace Kine.Host.Bench;

/// <summary>What one round, or several rounds of one server together, measured. Callers may add while others look.</summary>
internal sealed class RoundResult
{
    private readonly ConcurrentDictionary<string, long> _errors = new();

    public LongConcurrentHistogram Latencies { get; } = Bench.Latencies.Create();

    /// <summary>Failures by gRPC code or fault.</summary>
    public IReadOnlyDictionary<string, long> Errors => _errors;

    public TimeSpan Elapsed { get; set; }

    /// <summary>CPU time of this process.</summary>
    public TimeSpan ClientCpu { get; set; }

    /// <summary>CPU time of the server, if its pid is known.</summary>
    public TimeSpan? ServerCpu { get; set; }

    /// <summary>Resident memory of the server at the end of the round, in bytes.</summary>
    public long? ServerRss { get; set; }

    /// <summary>Time that a compaction asked for in the round took until all of it was done.</summary>
    public TimeSpan? Compaction { get; set; }

    public long Operations => Latencies.TotalCount;

    public long ErrorCount => _errors.Values.Sum();

    public double OperationsPerSecond => Elapsed > TimeSpan.Zero ? Operations / Elapsed.TotalSeconds : 0;

    /// <summary>Microseconds of client CPU per operation.</summary>
    public double ClientCpuPerOperation => PerOperation(ClientCpu);

    /// <summary>Microseconds of server CPU per operation.</summary>
    public double? ServerCpuPerOperation => ServerCpu is { } cpu ? PerOperation(cpu) : null;

    public void AddError(string name, long count = 1) => _errors.AddOrUpdate(name, count, (_, before) => before + count);

    public void AddErrors(IEnumerable<KeyValuePair<string, long>> errors)
    {
        foreach (var (name, count) in errors)
            AddError(name, count);
    }

    public void Add(RoundResult round)
    {
        Latencies.Add(round.Latencies);
        AddErrors(round.Errors);
        Elapsed += round.Elapsed;
        ClientCpu += round.ClientCpu;
        if (round.ServerCpu is { } cpu)
            ServerCpu = (ServerCpu ?? TimeSpan.Zero) + cpu;

        ServerRss = round.ServerRss ?? ServerRss;
        Compaction = round.Compaction ?? Compaction;
    }

    private double PerOperation(TimeSpan cpu) => Operations > 0 ? cpu.TotalMicroseconds / Operations : 0;
}
