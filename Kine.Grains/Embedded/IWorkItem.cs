namespace Kine.Grains.Embedded;

/// <summary>Something to be done within a turn of a call target.</summary>
internal interface IWorkItem
{
    void Execute(CallTarget target);
}
