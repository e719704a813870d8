using System.Buffers.Text;
using System.Globalization;

namespace Kine.Backends.Nats;

/// <summary>
/// The state of the log after a message, carried by every message, so that the last one tells all: <c>A 812 0 3 5021 640 700</c> is an append at sequence
/// 812 in one part, under epoch 3, up to revision 5021; the fence is at sequence 640, the last checkpoint at 700.
/// </summary>
/// <param name="Kind">What the message is.</param>
/// <param name="Sequence">Its own sequence.</param>
/// <param name="Part">Parts of the same append before it.</param>
/// <param name="Epoch">Epoch of the fence.</param>
/// <param name="LastRevision">Revision of the last record; for a <see cref="MessageKind.Part"/> before its append.</param>
/// <param name="Fence">Sequence of the message that names the holder; 0 = nobody ever was.</param>
/// <param name="Checkpoint">Sequence of the last checkpoint; 0 = none.</param>
internal readonly record struct LogTail(
    MessageKind Kind, ulong Sequence, int Part, long Epoch, long LastRevision, ulong Fence, ulong Checkpoint)
{
    /// <summary>Name of the header that holds it.</summary>
    public const string Header = "Kine-Tail";

    /// <summary>Name of the header that holds the message's content in base64.</summary>
    public const string ContentHeader = "Kine-Content";

    /// <summary>Before the first message.</summary>
    public static LogTail Empty => new(MessageKind.Fence, 0, 0, 0, 1, 0, 0);

    /// <summary>As header text.</summary>
    public string ToHeader() => string.Create(
        CultureInfo.InvariantCulture, $"{(char)Kind} {Sequence} {Part} {Epoch} {LastRevision} {Fence} {Checkpoint}");

    /// <summary>Reads header text. Throws <see cref="StoreBrokenException"/> when it is none.</summary>
    public static LogTail Parse(ReadOnlySpan<byte> text)
    {
        var rest = text.Length > 0 ? text[1..] : text;
        if (Number(ref rest, out var sequence) && Number(ref rest, out var part) && Number(ref rest, out var epoch) && Number(ref rest, out var revision)
            && Number(ref rest, out var fence) && Number(ref rest, out var checkpoint))
        {
            return new LogTail((MessageKind)text[0], (ulong)sequence, (int)part, epoch, revision, (ulong)fence, (ulong)checkpoint);
        }
        throw new StoreBrokenException($"a message of the log has no readable {Header} header: somebody else writes to the stream");
    }

    private static bool Number(ref ReadOnlySpan<byte> rest, out long number)
    {
        number = 0;
        if (rest.Length < 2 || rest[0] != ' ' || !Utf8Parser.TryParse(rest[1..], out number, out var length))
            return false;

        rest = rest[(1 + length)..];
        return true;
    }
}
