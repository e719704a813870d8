using Kine.Grains.Cluster;
using Kine.Grains.Hosting;

namespace Kine.Tests.Grpc;

/// <summary>A backend with nothing behind its keyspace.</summary>
internal sealed class FakeBackend(IEtcdApi api) : IServerBackend
{
    private readonly TaskCompletionSource<string> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string StoreDescription => "fake";

    public string? StandsByFor => null;

    public Task<string> Broken => _broken.Task;

    /// <summary>Thrown by <see cref="Start"/> when set.</summary>
    public Exception? StartError { get; init; }

    /// <summary>True once it was stopped.</summary>
    public bool Stopped { get; private set; }

    public Task<IEtcdApi> Start(CancellationToken cancellationToken) =>
        StartError is { } error ? Task.FromException<IEtcdApi>(error) : Task.FromResult(api);

    public Task Stop(CancellationToken cancellationToken)
    {
        Stopped = true;
        return Task.CompletedTask;
    }

    /// <summary>Lets the program know that the backend cannot go on.</summary>
    public void Break(string reason) => _broken.SetResult(reason);
}
