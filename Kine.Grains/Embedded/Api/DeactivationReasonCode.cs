namespace Orleans;

/// <summary>The kinds of reason that end an activation in one process. Orleans has more and other numbers.</summary>
public enum DeactivationReasonCode : byte
{
    /// <summary>None given.</summary>
    None,

    /// <summary>The process is being shut down.</summary>
    ShuttingDown,

    /// <summary>Activation failed.</summary>
    ActivationFailed,

    /// <summary>Nobody called for the configured time.</summary>
    ActivationIdle,

    /// <summary>The grain met an error that it does not want to live on with.</summary>
    ApplicationError,

    /// <summary>The grain asked for it.</summary>
    ApplicationRequested,
}
