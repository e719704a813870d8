namespace Kine.Backends.Nats;

/// <summary>What a message of the log is. The letters are stored: never change their meaning.</summary>
internal enum MessageKind : byte
{
    /// <summary>Who holds the log from here on; content: holder, lease time, address.</summary>
    Fence = (byte)'F',

    /// <summary>A sign of life of the holder; nothing else.</summary>
    Renewal = (byte)'N',

    /// <summary>Part of an append that is too large for one message; counts only once the append's last message is there.</summary>
    Part = (byte)'P',

    /// <summary>An append, or the last message of one; content: records and side rows.</summary>
    Append = (byte)'A',

    /// <summary>Records that are gone; content: the messages they were in, each with all that is gone of it.</summary>
    Deletion = (byte)'D',

    /// <summary>Records copied out of mostly empty messages, which count no more; content: range of those messages, records.</summary>
    Moved = (byte)'M',

    /// <summary>A piece of a checkpoint; counts only once the checkpoint's last message is there.</summary>
    CheckpointPiece = (byte)'K',

    /// <summary>The last message of a checkpoint; payload: what it covers and where its pieces are.</summary>
    Checkpoint = (byte)'Z',
}
