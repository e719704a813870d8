using Microsoft.Extensions.Hosting;

namespace Kine.Host.Hosting;

/// <summary>
/// A lifetime that listens to no signal: <see cref="ServerProgram"/> hears them, from the beginning, and the log knows of them before the silo does.
/// </summary>
internal sealed class SignalsElsewhere : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
