namespace Kine.Tests.Chaos;

/// <summary>
/// Whether the calls on one key are linearizable as those of a register, without a look at revisions: the search of Wing and Gong in the form of Lowe. It puts the
/// calls in some order that their times allow, one after the other; a call that a register could not have answered so is tried later; when an answer comes due
/// whose call is not placed yet, the last choice is taken back. What was placed, together with the value it left, is tried once only.
/// <code>
/// put 1  |-----|            get: 2      put 1, put 2, get           is such an order
/// put 2    |-----|   |--|
/// </code>
/// A call of unknown outcome may be placed anywhere after it was sent, and need not be placed at all, unless it is known to have happened.
/// </summary>
internal sealed class RegisterCheck
{
    private const int MaxTries = 5_000_000;

    private readonly Call[] _calls;
    private readonly Node _head = new(null, false);
    private readonly ulong[] _placed;
    private readonly HashSet<Tried> _tried = [];
    private int _open;

    private RegisterCheck(Call[] calls)
    {
        _calls = calls;
        _placed = new ulong[(calls.Length + 63) / 64];
        _open = calls.Count(call => call.Certain);
        var times = calls.SelectMany(call => new[] { (At: call.Step.Invoked, Node: call.Sent), (At: call.Step.Returned, Node: call.Answered) })
            .Where(time => time.Node is not null)
            .OrderBy(time => time.At).ThenBy(time => time.Node!.IsAnswer); // at the same moment nothing is certain
        var last = _head;
        foreach (var (_, node) in times)
        {
            last.Next = node;
            node!.Previous = last;
            last = node;
        }
    }

    /// <summary>Looks at each key by itself. Guards of these steps may be on the key alone.</summary>
    /// <param name="steps">All steps of all clients.</param>
    /// <param name="isRegister">Which keys to look at.</param>
    /// <param name="happened">Whether a step of unknown outcome happened; null when that is not known.</param>
    public static List<Violation> Of(IEnumerable<Step> steps, Func<string, bool> isRegister, Func<Step, bool>? happened = null)
    {
        var keys = new Dictionary<string, List<Step>>();
        foreach (var step in steps.Where(step => step is { Serializable: false, At: 0 } && step.Outcome != Outcome.Refused))
        {
            var seen = step.Looks.Where(look => look.To is null).Select(look => look.From);
            foreach (var key in step.Writes.Select(write => write.Key).Union(seen).Where(isRegister))
            {
                if (!keys.TryGetValue(key, out var list))
                    keys[key] = list = [];

                list.Add(step);
            }
        }

        return [.. keys.Select(key => OfOne(key.Key, key.Value, happened)).OfType<Violation>()];
    }

    private static Violation? OfOne(string key, List<Step> steps, Func<Step, bool>? happened)
    {
        var unknown = steps.Where(step => step.Outcome == Outcome.Unknown).ToArray();
        var calls = steps.Where(step => step.Outcome == Outcome.Done).Select(step => (Step: step, Certain: true))
            .Concat(unknown.Where(step => step.Writes.Length > 0 && happened?.Invoke(step) != false).Select(step => (Step: step, Certain: happened is not null)))
            .OrderBy(call => call.Step.Invoked)
            .Select((call, i) => new Call(key, i, call.Step, call.Certain))
            .ToArray();
        return new RegisterCheck(calls).Search() ? null : new Violation(
            Fault.NoRegister, $"no order of these calls on {key} makes sense:\n  {string.Join("\n  ", calls.Take(60).Select(call => call.Step))}");
    }

    private bool Search()
    {
        var choices = new Stack<(Call Call, string? Before)>();
        string? value = null;
        var node = _head.Next;
        while (_open > 0)
        {
            if (node is { IsAnswer: false })
            {
                if (node.Call!.TryApply(value, out var after) && Place(node.Call, after))
                {
                    choices.Push((node.Call, value));
                    value = after;
                    node = _head.Next;
                }
                else
                {
                    node = node.Next;
                }

                continue;
            }

            if (!choices.TryPop(out var last))
                return false;

            value = last.Before;
            TakeBack(last.Call);
            node = last.Call.Sent.Next;
        }

        return true;
    }

    private bool Place(Call call, string? after)
    {
        _placed[call.Number / 64] ^= 1ul << call.Number;
        if (!_tried.Add(new Tried([.. _placed], after)))
        {
            _placed[call.Number / 64] ^= 1ul << call.Number;
            return false;
        }

        if (_tried.Count > MaxTries)
            throw new InvalidOperationException($"the {_calls.Length} calls on {call.Key} are too many at a time to be checked");

        call.Sent.Leave();
        call.Answered?.Leave();
        _open -= call.Certain ? 1 : 0;
        return true;
    }

    private void TakeBack(Call call)
    {
        _placed[call.Number / 64] ^= 1ul << call.Number;
        call.Answered?.Return();
        call.Sent.Return();
        _open += call.Certain ? 1 : 0;
    }

    private sealed class Call
    {
        private readonly Guard? _guard;
        private readonly Write? _write;
        private readonly Look? _look;

        public Call(string key, int number, Step step, bool certain)
        {
            (Key, Number, Step, Certain) = (key, number, step, certain);
            Sent = new Node(this, false);
            Answered = step.Outcome == Outcome.Done ? new Node(this, true) : null;
            _guard = step.Guards.SingleOrDefault();
            _write = step.Writes.FirstOrDefault(write => write.Key == key);
            _look = step.Looks.FirstOrDefault(look => look.From == key && look.To is null);
            if (_guard is not null && _guard.Key != key)
                throw new ArgumentException($"what happens to {key} hangs on another key: {step}");
        }

        public string Key { get; }

        public int Number { get; }

        public Step Step { get; }

        public bool Certain { get; }

        public Node Sent { get; }

        public Node? Answered { get; }

        /// <summary>Whether a register with that value can have answered so, and what it holds afterwards.</summary>
        public bool TryApply(string? before, out string? after)
        {
            var writes = Step.Outcome == Outcome.Unknown || Step.Succeeded;
            after = writes && _write is not null ? _write.Value : before;
            return (_guard is null || (_guard.Value == before) == writes) && (_look is null || _look.Pairs.SingleOrDefault()?.Value == before);
        }
    }

    private sealed class Node(Call? call, bool isAnswer)
    {
        public Call? Call { get; } = call;

        public bool IsAnswer { get; } = isAnswer;

        public Node? Next { get; set; }

        public Node? Previous { get; set; }

        public void Leave()
        {
            Previous!.Next = Next;
            if (Next is not null)
                Next.Previous = Previous;
        }

        public void Return()
        {
            Previous!.Next = this;
            if (Next is not null)
                Next.Previous = this;
        }
    }

    private readonly record struct Tried(ulong[] Placed, string? Value)
    {
        public bool Equals(Tried other) => Value == other.Value && Placed.AsSpan().SequenceEqual(other.Placed);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(Value);
            foreach (var word in Placed)
                hash.Add(word);

            return hash.ToHashCode();
        }
    }
}
