using Kine.Grains.Cluster;

namespace Kine.Grains.Hosting;

/// <summary>Everything behind the front end, store and grains, as the program starts and stops it. Each is called once, in this order.</summary>
public interface IServerBackend
{
    /// <summary>The store in a few words for the start-up line, without credentials, for example <c>sqlite ./db/state.db</c>.</summary>
    string StoreDescription { get; }

    /// <summary>The address that the present writer gave, while another process holds the store and this one stands by; else null.</summary>
    string? StandsByFor { get; }

    /// <summary>Ends only when the backend cannot go on, with the sentence that says why; the program then ends with exit code 1.</summary>
    Task<string> Broken { get; }

    /// <summary>
    /// Opens the store, takes it over and loads the index; returns when requests can be answered. While another process holds the store it returns too, and
    /// stands by: requests are answered "etcdserver: no leader" until it takes over. A start that fails has closed what it opened, and
    /// nothing is left to stop.
    /// </summary>
    /// <exception cref="BackendException">It cannot be opened; the message is one sentence for the user.</exception>
    Task<IEtcdApi> Start(CancellationToken cancellationToken);

    /// <summary>
    /// Drains the appends, releases the store and closes it. When the token fires first it throws <see cref="OperationCanceledException"/> at once: whatever
    /// still waits for the store then goes on behind its back, for as long as the process lives.
    /// </summary>
    Task Stop(CancellationToken cancellationToken);
}
