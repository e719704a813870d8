using Orleans;
using Orleans.Concurrency;

namespace Kine.Tests.Runtime;

/// <summary>What the tests make a grain do. The grains report to a <see cref="ProbeLog"/> and wait at its gates.</summary>
public interface IProbeGrain : IGrainWithStringKey
{
    Task<string> Key();

    Task<int> Echo(int value);

    /// <summary>Enters, awaits the gate of that name, leaves.</summary>
    Task<int> Pass(string gate);

    [AlwaysInterleave]
    Task<int> Glance();

    /// <summary>Adds one, with a pause between reading and writing within one turn.</summary>
    Task Increment();

    Task<int> Count();

    Task Fail(string message);

    Task<int> FailLate(string message);

    [OneWay]
    Task Notify(string word);

    Task StartTimer(string name, TimeSpan due, TimeSpan period, bool fails);

    Task StopTimer(string name);

    Task Subscribe(IProbeObserver observer);

    Task Tell(string word);

    Task Whisper(string word);

    Task Leave();

    Task<string> SchedulerNames();

    Task<int> CallOther(string key, int value);
}
