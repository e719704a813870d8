namespace Kine.Grains.Writing;

/// <summary>An operation on leases, alarms or marks: evaluated by one function on the writer's state, answered in its turn like every other.</summary>
internal sealed class StateOperation<TReply>(Func<WriteState, TReply> evaluate) : WriteOperation<TReply>
    where TReply : class
{
    public override int Size => 64;

    public override void Evaluate(WriteState state) => Reply = evaluate(state);
}
