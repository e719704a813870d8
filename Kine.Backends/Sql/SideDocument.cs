using System.Buffers.Binary;

namespace Kine.Backends.Sql;

/// <summary>A document in a row beside the side state, behind its version in eight bytes: one statement reads it, and one statement replaces it.</summary>
internal sealed class SideDocument(SqlLogReader reader, byte[] name) : ISharedDocument
{
    public async Task<SharedContent> Read(CancellationToken cancellationToken)
    {
        var stored = await reader.ReadDocument(name, cancellationToken).ConfigureAwait(false);
        return stored is null ? new SharedContent([], 0) : new SharedContent(stored[sizeof(ulong)..], BinaryPrimitives.ReadUInt64BigEndian(stored));
    }

    public async Task<bool> TryReplace(ReadOnlyMemory<byte> content, ulong seenVersion, CancellationToken cancellationToken)
    {
        byte[] document = [.. Version(seenVersion + 1), .. content.Span];
        cancellationToken.ThrowIfCancellationRequested();
        if (await reader.ReplaceDocument(name, seenVersion == 0 ? null : Version(seenVersion), document).ConfigureAwait(false))
            return true;

        // Asked again after its answer was lost, a change that was made finds itself in its way.
        var stored = await reader.ReadDocument(name, CancellationToken.None).ConfigureAwait(false);
        return document.AsSpan().SequenceEqual(stored);
    }

    private static byte[] Version(ulong version)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, version);
        return bytes;
    }
}
