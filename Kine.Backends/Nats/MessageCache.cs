namespace Kine.Backends.Nats;

/// <summary>Messages fetched lately, by sequence; the longest unused ones go first. Safe for concurrent use.</summary>
internal sealed class MessageCache
{
    /// <summary>Bytes it holds at most.</summary>
    public const int Limit = 32 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, LinkedListNode<(ulong Sequence, LogMessage Message)>> _places = [];
    private readonly LinkedList<(ulong Sequence, LogMessage Message)> _order = new();
    private long _bytes;

    public bool Contains(ulong sequence)
    {
        lock (_lock)
        {
            return _places.ContainsKey(sequence);
        }
    }

    public LogMessage? Get(ulong sequence)
    {
        lock (_lock)
        {
            if (!_places.TryGetValue(sequence, out var node))
                return null;

            _order.Remove(node);
            _order.AddFirst(node);
            return node.Value.Message;
        }
    }

    public void Add(ulong sequence, LogMessage message)
    {
        lock (_lock)
        {
            if (message.Length > Limit / 8 || _places.ContainsKey(sequence))
                return;

            _places[sequence] = _order.AddFirst((sequence, message));
            _bytes += message.Length;
            while (_bytes > Limit)
            {
                (var oldest, var gone) = _order.Last!.Value;
                _order.RemoveLast();
                _places.Remove(oldest);
                _bytes -= gone.Length;
            }
        }
    }
}
