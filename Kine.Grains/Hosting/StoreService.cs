using Kine.Backends;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Hosting;

/// <summary>Opens the store before the silo starts; closes it when the host is disposed of, after everything that reads from it.</summary>
internal sealed class StoreService(IRevisionStore store, ILogger<StoreService> log) : IHostedService, IAsyncDisposable
{
    /// <exception cref="StartException">It cannot be opened; the message is one sentence for the user.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await store.Open(cancellationToken);
        }
        catch (Exception error) when (error is StoreRefusedException or StoreUnavailableException)
        {
            throw new StartException(error.Message, innerException: error);
        }

        foreach (var warning in store.Warnings)
            log.LogWarning("{Warning}", warning);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask DisposeAsync() => store.DisposeAsync();
}
