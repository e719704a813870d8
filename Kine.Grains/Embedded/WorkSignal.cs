namespace Kine.Grains.Embedded;

/// <summary>A work item without data; one instance serves all targets.</summary>
internal sealed class WorkSignal(Action<CallTarget> action) : IWorkItem
{
    public void Execute(CallTarget target) => action(target);
}
