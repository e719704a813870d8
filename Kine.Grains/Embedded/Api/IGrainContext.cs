namespace Orleans.Runtime;

/// <summary>The activation that a grain instance lives in.</summary>
public interface IGrainContext
{
    /// <summary>The class and key of the grain.</summary>
    GrainId GrainId { get; }

    /// <summary>The instance, once it is made.</summary>
    object? GrainInstance { get; }

    /// <summary>The services of the process.</summary>
    IServiceProvider ActivationServices { get; }

    /// <summary>Completes when the activation has ended.</summary>
    Task Deactivated { get; }

    /// <summary>Deactivates it once the calls that run in it have ended, at the latest when the configured time is over.</summary>
    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);

    internal IGrainFactory GrainFactory { get; }

    internal IGrainTimer RegisterTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options);

    internal void DelayDeactivation(TimeSpan timeSpan);

    internal TGrainInterface ReferenceTo<TGrainInterface>() where TGrainInterface : class, IGrain;
}
