namespace Kine.Grains.Embedded;

/// <summary>A request on its way to a call target.</summary>
internal interface ICall : IWorkItem
{
    CallOptions Options { get; }

    /// <summary>Whether the call belongs to one activation and vanishes with it, as a timer's tick does.</summary>
    bool EndsWithActivation { get; }

    /// <summary>Whether the call keeps its target from being idle.</summary>
    bool CountsAsUse { get; }

    /// <summary>Calls the instance, within a turn. False when the call goes on after the turn; it then tells the target its end.</summary>
    bool Run(CallTarget target, object instance);

    /// <summary>Ends the call without its having been made.</summary>
    void Reject(Exception reason);
}
