namespace Kine.Backends.Memory;

/// <summary>A shared document of one process, for several silos in it.</summary>
public sealed class MemorySharedDocument : ISharedDocument
{
    private readonly Lock _lock = new();
    private SharedContent _content = new([], 0);

    public Task<SharedContent> Read(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            return Task.FromResult(_content);
        }
    }

    public Task<bool> TryReplace(ReadOnlyMemory<byte> content, ulong seenVersion, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (seenVersion != _content.Version)
                return Task.FromResult(false);

            _content = new SharedContent(content.ToArray(), seenVersion + 1);
            return Task.FromResult(true);
        }
    }
}
