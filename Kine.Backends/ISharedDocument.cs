namespace Kine.Backends;

/// <summary>The document as stored; empty, with version 0, when there is none yet.</summary>
public readonly record struct SharedContent(byte[] Content, ulong Version);

/// <summary>
/// A small document that all processes on a store read and replace as a whole. Errors: <see cref="StoreUnavailableException"/> when the store did not answer or
/// refused for the moment, and a replacement was certainly not made.
/// </summary>
public interface ISharedDocument
{
    /// <summary>The document, not older than any replacement that was answered before the call, here or elsewhere.</summary>
    Task<SharedContent> Read(CancellationToken cancellationToken);

    /// <summary>
    /// Replaces the document if it still has the version that was seen: true when that is done and durable, false when it certainly was not, because the document has
    /// another version, or another replacement is under way. <see cref="OutcomeUnknownException"/> when the answer was lost: it may have landed, or may yet. To ask
    /// once more with the same version is safe, since one of the two lands at most; the caller has to tell by what it reads whether its own did. Not cancelled half-way.
    /// </summary>
    Task<bool> TryReplace(ReadOnlyMemory<byte> content, ulong seenVersion, CancellationToken cancellationToken);
}
