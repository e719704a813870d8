using Orleans.Runtime;

namespace Orleans;

/// <summary>What the runtime asks of a grain class. <see cref="Grain"/> has it.</summary>
public interface IGrainBase
{
    /// <summary>The activation this instance lives in.</summary>
    IGrainContext GrainContext { get; }

    /// <summary>Runs before the first call. If it fails, the waiting calls get its exception and the next call tries again.</summary>
    Task OnActivateAsync(CancellationToken token) => Task.CompletedTask;

    /// <summary>Runs after the last call. The token is cancelled when the time for it is over.</summary>
    Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token) => Task.CompletedTask;
}
