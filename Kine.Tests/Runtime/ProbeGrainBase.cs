using Orleans;
using Orleans.Runtime;

namespace Kine.Tests.Runtime;

/// <summary>What the probe grains have in common.</summary>
public abstract class ProbeGrainBase(ProbeLog log) : Grain, IProbeGrain
{
    private readonly Dictionary<string, IGrainTimer> _timers = [];
    private readonly List<IProbeObserver> _observers = [];
    private int _inside;
    private int _count;

    private string Name => this.GetPrimaryKeyString();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        log.Add($"{Name} activating");
        if (Name.StartsWith("slow", StringComparison.Ordinal))
            await log.Gate($"{Name} activation");

        if (Interlocked.Decrement(ref log.FailActivations) >= 0)
            throw new InvalidOperationException("not today");

        log.Add($"{Name} active");
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        log.Add($"{Name} gone {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public Task<string> Key() => Task.FromResult(Name);

    public Task<int> Echo(int value) => Task.FromResult(value);

    public async Task<int> Pass(string gate)
    {
        log.Add($"{gate} in");
        var value = await log.Gate(gate);
        log.Add($"{gate} out");
        return value;
    }

    public Task<int> Glance() => Task.FromResult(_count);

    public async Task Increment()
    {
        await Task.Yield();
        Assert.Equal(1, Interlocked.Increment(ref _inside));
        var count = _count;
        Thread.SpinWait(200);
        _count = count + 1;
        Interlocked.Decrement(ref _inside);
        await Task.Yield();
    }

    public Task<int> Count() => Task.FromResult(_count);

    public Task Fail(string message) => throw new InvalidOperationException(message);

    public async Task<int> FailLate(string message)
    {
        await Task.Yield();
        throw new InvalidOperationException(message);
    }

    public Task Notify(string word)
    {
        log.Add(word);
        throw new InvalidOperationException("nobody hears this");
    }

    public Task StartTimer(string name, TimeSpan due, TimeSpan period, bool fails)
    {
        _timers[name] = this.RegisterGrainTimer(
            async token =>
            {
                log.Add($"{name} tick");
                if (fails)
                    throw new InvalidOperationException("a bad tick");

                await log.Gate($"{name} timer").WaitAsync(token);
                log.Add($"{name} tock");
            },
            new GrainTimerCreationOptions(due, period));
        return Task.CompletedTask;
    }

    public Task StopTimer(string name)
    {
        _timers[name].Dispose();
        return Task.CompletedTask;
    }

    public Task Subscribe(IProbeObserver observer)
    {
        _observers.Add(observer);
        return Task.CompletedTask;
    }

    public Task Tell(string word) => Task.WhenAll(_observers.Select(observer => observer.Hear(word)));

    public Task Whisper(string word)
    {
        foreach (var observer in _observers)
            observer.Overhear(word);

        return Task.CompletedTask;
    }

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task<string> SchedulerNames()
    {
        var before = TaskScheduler.Current;
        await Task.Delay(1);
        var afterAwait = TaskScheduler.Current;
        var inTask = await Task.Factory.StartNew(() => TaskScheduler.Current);
        var outside = await Task.Run(() => TaskScheduler.Current);
        return $"{ReferenceEquals(before, TaskScheduler.Default)} {ReferenceEquals(before, afterAwait)} "
            + $"{ReferenceEquals(before, inTask)} {ReferenceEquals(before, outside)}";
    }

    public Task<int> CallOther(string key, int value) => GrainFactory.GetGrain<IProbeGrain>(key).Echo(value);
}
