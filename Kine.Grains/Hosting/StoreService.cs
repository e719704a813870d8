using Kine.Backends;
using Kine.Grains.Fencing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Hosting;

/// <summary>Opens the store before the silo starts; closes it when the host is disposed of, after everything that reads from it.</summary>
internal sealed class StoreService(
    IRevisionStore store, Candidacy candidacy, TimeProvider time, ILogger<StoreService> log, SilentSilos? silos = null) : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan SilentWait = TimeSpan.FromSeconds(2);

    /// <exception cref="StartException">It cannot be opened; the message is one sentence for the user.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            var opening = store.Open(cancellationToken);
            var silence = Task.Delay(SilentWait, time, cancellationToken);
            if (await Task.WhenAny(opening, silence) == silence && silence.IsCompletedSuccessfully)
                log.LogWarning("Waiting for {Store}", store.Description);

            await opening;
        }
        catch (Exception error) when (error is StoreRefusedException or StoreUnavailableException)
        {
            throw new StartException(error.Message, innerException: error);
        }

        foreach (var warning in store.Warnings)
            log.LogWarning("{Warning}", warning);

        await LookForWriter(cancellationToken);
        await LookForPeers(cancellationToken);
    }

    private async Task LookForPeers(CancellationToken cancellationToken)
    {
        try
        {
            if (silos is not null)
                await silos.Remove(cancellationToken);
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException or InvalidDataException)
        {
            throw new StartException(error.Message, innerException: error);
        }
    }

    // A writer that was killed may be replaced some time after its last sign of life was seen: the sooner it is looked for, the better.
    private async Task LookForWriter(CancellationToken cancellationToken)
    {
        try
        {
            if (!store.IsExclusive)
                await candidacy.Claimable(cancellationToken);
        }
        catch (StoreUnavailableException error)
        {
            candidacy.LogUnreachable(error.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask DisposeAsync() => store.DisposeAsync();
}
