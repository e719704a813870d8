using Orleans.Runtime;

namespace Orleans;

/// <summary>Base of grain classes. Instances are made by the runtime, within their activation.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    /// <exception cref="InvalidOperationException">The instance is not being made by the runtime.</exception>
    protected Grain() => GrainContext = RuntimeContext.Current
        ?? throw new InvalidOperationException("A grain can only be created by the grain runtime.");

    /// <inheritdoc/>
    public IGrainContext GrainContext { get; }

    /// <summary>References to other grains.</summary>
    protected IGrainFactory GrainFactory => GrainContext.GrainFactory;

    /// <summary>The services of the process.</summary>
    protected IServiceProvider ServiceProvider => GrainContext.ActivationServices;

    /// <inheritdoc/>
    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Deactivates this activation once the calls that run in it have ended. Calls that wait go to its successor.</summary>
    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);

    /// <summary>
    /// Keeps this activation from being collected as idle for that long; <see cref="Timeout.InfiniteTimeSpan"/> for ever,
    /// zero returns to the configured rule.
    /// </summary>
    protected void DelayDeactivation(TimeSpan timeSpan) => GrainContext.DelayDeactivation(timeSpan);
}
