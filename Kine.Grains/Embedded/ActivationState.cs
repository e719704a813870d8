namespace Kine.Grains.Embedded;

/// <summary>The life of an activation, in this order. Activating may lead to Ended at once, when it fails.</summary>
internal enum ActivationState
{
    /// <summary>No call yet.</summary>
    New,

    /// <summary>OnActivateAsync runs; calls wait.</summary>
    Activating,

    /// <summary>Calls run.</summary>
    Active,

    /// <summary>OnDeactivateAsync runs; calls wait for the successor.</summary>
    Deactivating,

    /// <summary>Out of the directory; calls are passed on.</summary>
    Ended,
}
