#if !ORLEANS
using Kine.Grains.Embedded;

namespace Kine.Tests.Runtime;

/// <summary>A hand-written reference, so that both kinds are tested.</summary>
public sealed class ReentrantProbeReference(CallRoute route) : GrainReference<IReentrantProbeGrain>(route), IReentrantProbeGrain
{
    public Task<string> Key() => Invoke(static (grain, _) => grain.Key(), 0);

    public Task<int> Echo(int value) => Invoke(static (grain, value) => grain.Echo(value), value);

    public Task<int> Pass(string gate) => Invoke(static (grain, gate) => grain.Pass(gate), gate);

    public Task<int> Glance() => Invoke(static (grain, _) => grain.Glance(), 0, CallOptions.AlwaysInterleave);

    public Task Increment() => Invoke(static (grain, _) => grain.Increment(), 0);

    public Task<int> Count() => Invoke(static (grain, _) => grain.Count(), 0);

    public Task Fail(string message) => Invoke(static (grain, message) => grain.Fail(message), message);

    public Task<int> FailLate(string message) => Invoke(static (grain, message) => grain.FailLate(message), message);

    public Task Notify(string word) => Invoke(static (grain, word) => grain.Notify(word), word, CallOptions.OneWay);

    public Task StartTimer(string name, TimeSpan due, TimeSpan period, bool fails) => Invoke(
        static (grain, timer) => grain.StartTimer(timer.Name, timer.Due, timer.Period, timer.Fails),
        (Name: name, Due: due, Period: period, Fails: fails));

    public Task StopTimer(string name) => Invoke(static (grain, name) => grain.StopTimer(name), name);

    public Task Subscribe(IProbeObserver observer) => Invoke(static (grain, observer) => grain.Subscribe(observer), observer);

    public Task Tell(string word) => Invoke(static (grain, word) => grain.Tell(word), word);

    public Task Whisper(string word) => Invoke(static (grain, word) => grain.Whisper(word), word);

    public Task Leave() => Invoke(static (grain, _) => grain.Leave(), 0);

    public Task<string> SchedulerNames() => Invoke(static (grain, _) => grain.SchedulerNames(), 0);

    public Task<int> CallOther(string key, int value) =>
        Invoke(static (grain, other) => grain.CallOther(other.Key, other.Value), (Key: key, Value: value));
}
#endif
