using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Kine.Tests.Grpc;

/// <summary>A backend with nothing behind its keyspace.</summary>
internal sealed class FakeBackend(IEtcdApi api) : IHostedService, IStoreStatus
{
    private ProcessFailure? _failure;
    private IHostApplicationLifetime? _lifetime;

    public string StoreDescription => "fake";

    public string? StandsByFor => null;

    /// <summary>Thrown at start when set.</summary>
    public Exception? StartError { get; init; }

    /// <summary>Why it breaks before it has started, when set.</summary>
    public string? BreaksAtStart { get; init; }

    /// <summary>True has the process told to stop while it starts; it gives up on the spot then.</summary>
    public bool StopsAtStart { get; init; }

    /// <summary>True once it was stopped.</summary>
    public bool Stopped { get; private set; }

    public void AddTo(IServiceCollection services) => services
        .AddSingleton(api)
        .AddSingleton<IStoreStatus>(this)
        .AddSingleton<ProcessFailure>()
        .AddHostedService(provider =>
        {
            _failure = provider.GetRequiredService<ProcessFailure>();
            _lifetime = provider.GetRequiredService<IHostApplicationLifetime>();
            return this;
        });

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (BreaksAtStart is { } reason)
        {
            Break(reason);
            return Task.Delay(Timeout.Infinite, cancellationToken);
        }

        if (StopsAtStart)
        {
            var waiting = new TaskCompletionSource();
            cancellationToken.Register(() => waiting.SetCanceled(cancellationToken));
            Task.Run(_lifetime!.StopApplication, CancellationToken.None);
            return waiting.Task;
        }

        return StartError is { } error ? Task.FromException(error) : Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Stopped = true;
        return Task.CompletedTask;
    }

    /// <summary>Lets the program know that the backend cannot go on.</summary>
    public void Break(string reason) => _failure!.Report(reason);
}
