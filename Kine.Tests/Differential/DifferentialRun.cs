using System.Text;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>Does the same random operations to a reference and a candidate, and stops at the first difference.</summary>
internal sealed class DifferentialRun(EtcdApiServer reference, EtcdApiServer candidate, int seed) : IDisposable
{
    private const int WatchStreams = 4;
    private const int HistoryLength = 20;
    private const int OperationsBetweenLogComparisons = 400;

    private static readonly TimeSpan OperationLimit = TimeSpan.FromMinutes(1);

    private static readonly Operation Filler = new UnaryOperation<PutRequest, PutResponse>(
        new PutRequest { Key = ByteString.CopyFromUtf8("filler") }, static (channel, request) => channel.Kv.PutAsync(request));

    private readonly Side _reference = new(reference, WatchStreams);
    private readonly Side _candidate = new(candidate, WatchStreams);
    private readonly KeyspaceView _view = new(seed);
    private readonly Queue<string> _history = new();
    private OperationGenerator? _generator;

    private OperationGenerator Generator => _generator ??= new OperationGenerator(_view, WatchStreams);

    public int Done { get; private set; }

    /// <summary>Revision that both servers have reached.</summary>
    public long Revision => _view.Revision;

    /// <summary>Entries of watch logs compared in the parts that are finished.</summary>
    public long EventsCompared { get; private set; }

    /// <summary>Does and compares a number of operations, then every watch's log, the hash and the whole content.</summary>
    /// <exception cref="DifferenceException">The two servers differ.</exception>
    public async Task Perform(int operations)
    {
        for (var i = 0; i < operations; i++)
        {
            var operation = Generator.Next();
            if (operation.NeedsQuiet)
                await Quiet();

            await Both(operation);
            if (i % OperationsBetweenLogComparisons == OperationsBetweenLogComparisons - 1)
                await CompareLogs();
        }
        await CompareLogs();
        await CompareContent();
        EventsCompared += _reference.Feeds.Sum(feed => feed.Logs.Values.Sum(log => (long)log.Length));
    }

    /// <summary>Kills both servers and starts them again on their data; watches end.</summary>
    public async Task Restart()
    {
        // When etcd applies its log again it leaves the ranges of transactions out, so that it does one after all that was refused for the revision of its
        // range. Hash makes it write down what it has applied, so that nothing is applied again.
        await _reference.Channel.Maintenance.HashAsync(new HashRequest());
        await Task.WhenAll(_reference.Server.Kill(), _candidate.Server.Kill());
        await Task.WhenAll(_reference.Server.Start(), _candidate.Server.Start());
        _reference.Reconnect();
        _candidate.Reconnect();
        Generator.ForgetWatches();
        Remember("(both servers were killed and started again)");
    }

    public void Dispose()
    {
        _reference.Dispose();
        _candidate.Dispose();
    }

    private async Task Both(Operation operation)
    {
        Answer[] answers;
        try
        {
            answers = await Task.WhenAll(RunOn(_reference, operation), RunOn(_candidate, operation));
        }
        catch (InvalidOperationException failed)
        {
            throw Difference(operation.Text, "nothing worth comparing", failed.ToString());
        }
        Done++;
        var (expected, actual) = (answers[0], answers[1]);
        if (expected.Text != actual.Text)
            throw Difference(operation.Text, expected.Text, actual.Text);

        if (expected.Revision > 0)
            _view.Revision = expected.Revision;

        Remember($"{operation.Text}\n      -> {expected.Text}");
    }

    private static async Task<Answer> RunOn(Side side, Operation operation)
    {
        try
        {
            return await operation.Run(side).WaitAsync(OperationLimit);
        }
        catch (Exception failed) when (failed is RpcException or OperationCanceledException or TimeoutException or InvalidOperationException)
        {
            throw new InvalidOperationException($"{side.Server.Name} did not answer: {failed.Message}", failed);
        }
    }

    // All watches have been sent all events: nothing that comes now can cut off what was still on its way.
    private async Task Quiet()
    {
        while (Generator.WatchHorizon > _view.Revision)
            await Both(Filler);

        var revision = _view.Revision;
        try
        {
            await Task.WhenAll(_reference.Feeds.Concat(_candidate.Feeds).Select(feed => feed.CatchUp(revision)));
        }
        catch (Exception failed) when (failed is TimeoutException or OperationCanceledException or RpcException)
        {
            throw Difference("wait until all watches have caught up", failed.Message, LogDifference());
        }
    }

    private async Task CompareLogs()
    {
        await Quiet();
        if (LogDifference() is { } difference)
            throw Difference("compare the watches", difference, null);
    }

    private string? LogDifference()
    {
        for (var stream = 0; stream < WatchStreams; stream++)
        {
            foreach (var side in new[] { _reference, _candidate })
            {
                if (side.Feeds[stream].BrokenPromises is [var first, ..])
                    return $"{side.Server.Name}, stream {stream}: {first}";
            }
            var expected = _reference.Feeds[stream].Logs;
            var actual = _candidate.Feeds[stream].Logs;
            foreach (var id in expected.Keys.Union(actual.Keys))
            {
                var left = expected.GetValueOrDefault(id, []);
                var right = actual.GetValueOrDefault(id, []);
                if (!left.SequenceEqual(right))
                    return $"stream {stream}, watch {id}:\n" + FirstDifference(left, right);
            }
        }
        return null;
    }

    private static string FirstDifference(string[] left, string[] right)
    {
        var at = left.Zip(right).TakeWhile(pair => pair.First == pair.Second).Count();
        var text = new StringBuilder();
        text.AppendLine($"  entry {at} of {left.Length} and {right.Length}; before it:");
        foreach (var line in left.Take(at).TakeLast(5))
            text.AppendLine($"    {line}");

        text.AppendLine("  reference:");
        foreach (var line in left.Skip(at).Take(3))
            text.AppendLine($"    {line}");

        text.AppendLine("  candidate:");
        foreach (var line in right.Skip(at).Take(3))
            text.AppendLine($"    {line}");

        return text.ToString();
    }

    private async Task CompareContent()
    {
        var everything = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
        await Both(new UnaryOperation<RangeRequest, RangeResponse>(everything, static (channel, request) => channel.Kv.RangeAsync(request)));
        await Both(new CompoundOperation("HashKV 0", async side =>
        {
            var reply = await side.Channel.HashKV();
            reply.HashRevision = 0;
            return Answer.From(reply, MessageText.Of(reply));
        }));
    }

    private void Remember(string line)
    {
        _history.Enqueue(line);
        while (_history.Count > HistoryLength)
            _history.Dequeue();
    }

    private DifferenceException Difference(string operation, string expected, string? actual)
    {
        var text = new StringBuilder();
        text.AppendLine($"difference after {Done} operations with seed {seed}, revision {_view.Revision}, compacted {_view.Compacted}");
        text.AppendLine("the operations before:");
        foreach (var line in _history)
            text.AppendLine("  " + line);

        text.AppendLine("the operation:");
        text.AppendLine("  " + operation);
        text.AppendLine($"{_reference.Server.Name} (reference):");
        text.AppendLine("  " + expected);
        if (actual is not null)
        {
            text.AppendLine($"{_candidate.Server.Name} (candidate):");
            text.AppendLine("  " + actual);
        }
        foreach (var side in new[] { _reference, _candidate }.Where(side => side.Server.HasEnded))
            text.AppendLine($"{side.Server.Name} has ended:\n{side.Server.Process.Output}");

        return new DifferenceException(text.ToString());
    }
}
