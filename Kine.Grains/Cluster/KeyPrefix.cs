using Kine.Grains.Index;

namespace Kine.Grains.Cluster;

/// <summary>How keys are divided among prefix grains: up to the third slash, so that <c>/registry/pods/</c> is one.</summary>
public static class KeyPrefix
{
    /// <summary>The prefix that holds the whole range; null when no single one does.</summary>
    public static ReadOnlyMemory<byte>? Of(in KeyRange range)
    {
        var length = Length(range.Start.Span);
        if (length == 0 || range.IsOpen)
            return null;

        var prefix = range.Start[..length];
        if (range.IsSingle || range.IsEmpty)
            return prefix;

        // Inside when the end is under the prefix, too, or is the first key behind it.
        // The null must be typed: as an array it would turn into an empty prefix.
        return range.End.Span.StartsWith(prefix.Span) || range.End.Span.SequenceEqual(KeyRange.Prefix(prefix).End.Span) ? prefix : default(ReadOnlyMemory<byte>?);
    }

    private static int Length(ReadOnlySpan<byte> key)
    {
        var slashes = 0;
        for (var i = 0; i < key.Length; i++)
        {
            if (key[i] == (byte)'/' && ++slashes == 3)
                return i + 1;
        }

        return 0;
    }
}
