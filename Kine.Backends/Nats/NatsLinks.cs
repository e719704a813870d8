using System.Diagnostics;

namespace Kine.Backends.Nats;

/// <summary>The present connection for one purpose; a broken one is replaced at the next use.</summary>
internal sealed class NatsLinks(NatsOptions options, bool buffered = false) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly SemaphoreSlim _connecting = new(1);
    private NatsLink? _link;
    private bool _disposed;

    /// <summary>A connection that was alive a moment ago; tries for about a second. Throws <see cref="NatsLinkException"/>.</summary>
    public ValueTask<NatsLink> Get() => _link is { IsAlive: true } link ? new(link) : new(Connect());

    /// <summary>
    /// Runs a request that may be repeated, on a new connection if need be, for about a second. Throws <see cref="StoreUnavailableException"/>.
    /// </summary>
    public async Task<T> Repeat<T>(Func<NatsLink, Task<T>> request, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var link = await Get().ConfigureAwait(false);
                return await request(link).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (NatsLinkException error)
            {
                if (watch.Elapsed > Patience || error.Refused)
                {
                    throw new StoreUnavailableException(error.Message, error);
                }
            }
            await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Closes the connection; no new one is made.</summary>
    public void Dispose()
    {
        _disposed = true;
        _link?.Dispose();
    }

    private async Task<NatsLink> Connect()
    {
        await _connecting.WaitAsync().ConfigureAwait(false);
        try
        {
            var watch = Stopwatch.StartNew();
            while (true)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (_link is { IsAlive: true } link)
                {
                    return link;
                }

                _link?.Dispose();
                _link = null;
                try
                {
                    // Connecting blocks its thread.
                    _link = await Task.Run(() => NatsLink.Connect(options, buffered)).ConfigureAwait(false);
                    if (_disposed)
                    {
                        _link.Dispose();
                    }

                    return _link;
                }
                catch (NatsLinkException error) when (!error.Refused && watch.Elapsed < Patience)
                {
                    await Task.Delay(Pause).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _connecting.Release();
        }
    }
}
