using System.Diagnostics;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>
/// One client with one call at a time, each through a process drawn anew. What may have reached a writer is never sent again: each value is new. Everything is
/// recorded.
/// </summary>
internal class ChaosClient(Endpoints endpoints, Recording recording, int number, Random random) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2); // a process that is paused gives no answer
    private const int Pause = 8; // most milliseconds between two calls
    private const int PauseAfterError = 30; // milliseconds
    private const int Avoidance = 3; // more draws
    private static readonly TimeSpan AvoidanceTime = TimeSpan.FromSeconds(1);
    private const int Hot = 4; // registers in use at a time
    private const int StepsPerRegister = 100;

    private readonly EtcdChannel[] _channels = [.. Enumerable.Range(0, endpoints.Count).Select(process => new EtcdChannel(endpoints.AddressOf(process)))];
    private readonly Dictionary<string, Pair?> _known = [];
    private readonly long[] _failedAt = new long[endpoints.Count];
    private int _values;

    protected Random Random => random;

    protected Recording Recording => recording;

    protected int Number => number;

    public virtual async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Draw();
            await Task.Delay(random.Next(Pause), CancellationToken.None);
        }
    }

    /// <summary>Writes a value that nobody else writes, again and again another one until one is acknowledged. Gives its revision.</summary>
    public async Task<long> Certainly(Func<string, Step> write)
    {
        var end = DateTime.UtcNow + Wait.Limit;
        while (DateTime.UtcNow < end)
        {
            if (await Take(write(NewValue())) is { Outcome: Outcome.Done } done)
                return done.Revision;
        }

        throw new TimeoutException("no write was acknowledged");
    }

    /// <summary>Takes a step through some process; gives it as it was recorded.</summary>
    public async Task<Step> Take(Step step)
    {
        var sent = Recording.Now;
        var answer = await Ask(async (channel, life, cancellation) => await channel.Send(step, cancellation) with
        {
            Client = number,
            Process = life,
            Invoked = sent,
            Returned = Recording.Now,
        });
        var taken = answer.Reply ?? step with
        {
            Client = number,
            Invoked = sent,
            Returned = answer.Refused ? Recording.Now : long.MaxValue,
            Outcome = answer.Refused ? Outcome.Refused : Outcome.Unknown,
        };
        if (taken.Process >= 0 && endpoints.LifeOf(taken.Process % endpoints.Count) != taken.Process)
            taken = taken with { Process = -1 };

        recording.Add(taken);
        foreach (var look in taken.Looks.Where(look => taken is { At: 0, Serializable: false }))
        {
            if (look.To is null)
                _known[look.From] = look.Pairs.SingleOrDefault();

            foreach (var pair in look.Pairs)
                _known[pair.Key] = pair;
        }

        foreach (var write in taken.Wrote ? taken.Writes : [])
            _known[write.Key] = write.Value is null ? null : new Pair(write.Key, write.Value, taken.Revision);

        return taken;
    }

    /// <summary>Asks some process; no reply where there was an error, which either says for certain that nothing happened or leaves it open.</summary>
    protected async Task<(T? Reply, bool Refused)> Ask<T>(Func<EtcdChannel, int, CancellationToken, Task<T>> call)
        where T : class
    {
        var process = Choose();
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            return (await call(_channels[process], endpoints.LifeOf(process), limit.Token), false);
        }
        catch (RpcException refused) when (refused.StatusCode == StatusCode.NotFound)
        {
            return (null, true);
        }
        catch (Exception open) when (open is RpcException or OperationCanceledException)
        {
            if (open is RpcException error && !error.IsTransport()
                && error.StatusCode is not (StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled))
            {
                recording.Add(new Violation(Fault.WrongError, $"{endpoints.AddressOf(process)}: {error.Status}"));
            }

            _failedAt[process] = Recording.Now;
            await Task.Delay(PauseAfterError, CancellationToken.None);
            return (null, false);
        }
    }

    protected string NewValue() => $"{number}.{++_values}";

    public void Dispose()
    {
        Array.ForEach(_channels, channel => channel.Dispose());
        GC.SuppressFinalize(this);
    }

    // Seldom one that failed a moment ago, or most of the time would be spent waiting for it.
    private int Choose()
    {
        var process = random.Next(endpoints.Count);
        for (var again = 0; again < Avoidance && Stopwatch.GetElapsedTime(_failedAt[process]) < AvoidanceTime; again++)
            process = random.Next(endpoints.Count);

        return process;
    }

    private Task Draw() => random.Next(100) switch
    {
        < 24 => Take(Get(Register())),
        < 38 => Take(new Step { Writes = [new Write(Register(), NewValue())] }),
        < 58 => Swap(Register()),
        < 64 => Delete(Register()),
        < 78 => Transfer(),
        < 84 => Take(List(Keys.Accounts, Keys.AccountsEnd)),
        < 90 => Take(List(Keys.Accounts, Keys.AccountsEnd) with { Serializable = true }),
        < 93 => Take(Get(Register()) with { Serializable = true }),
        < 96 => Take(List(Keys.Registers, Keys.RegistersEnd) with { Serializable = random.Next(2) == 0 }),
        < 98 => Take(List(Keys.All, Keys.AllEnd) with { Serializable = random.Next(2) == 0 }),
        _ => Take(List(Keys.Accounts, Keys.AccountsEnd) with { At = random.NextInt64(Math.Max(1, recording.Newest - 200), recording.Newest + 1) }),
    };

    // New ones from time to time, so that no history of one key becomes too long to be checked.
    private string Register() => $"{Keys.Registers}{recording.Count / (Hot * StepsPerRegister):0000}/{random.Next(Hot)}";

    private async Task Swap(string key)
    {
        if (await Guard(key) is { } guard)
            await Take(new Step { Guards = [guard], Writes = [new Write(key, NewValue())] });
    }

    private async Task Delete(string key)
    {
        if (await Guard(key) is { Value: not null } guard)
            await Take(new Step { Guards = [guard], Writes = [new Write(key, null), new Write(Keys.Note(number), NewValue())] });
    }

    private async Task Transfer()
    {
        var from = random.Next(Balance.Accounts);
        var to = (from + random.Next(1, Balance.Accounts)) % Balance.Accounts;
        if (await Guard($"{Keys.Accounts}{from}") is not { Value: { } poorer } source || await Guard($"{Keys.Accounts}{to}") is not { Value: { } richer } target)
            return;

        var amount = random.Next(1, 10);
        var value = NewValue();
        await Take(new Step
        {
            Guards = [source, target],
            Writes = [new Write(source.Key, Balance.Text(Balance.Of(poorer) - amount, value)), new Write(target.Key, Balance.Text(Balance.Of(richer) + amount, value))],
        });
    }

    // By what it saw last, which may be old.
    private async Task<Guard?> Guard(string key)
    {
        if (!_known.TryGetValue(key, out var pair))
        {
            await Take(Get(key));
            if (!_known.TryGetValue(key, out pair))
                return null;
        }

        return new Guard(key, pair?.ModRevision ?? 0, pair?.Value);
    }

    private static Step Get(string key) => new() { Looks = [new Look(key, null, [])] };

    private static Step List(string from, string to) => new() { Looks = [new Look(from, to, [])] };
}
