using Kine.Etcd;
using Kine.Grains.SideState;

namespace Kine.Grains.Writing;

/// <summary>Raises alarms and takes them back (etcd v3 API, Maintenance.Alarm).</summary>
internal static class AlarmRules
{
    /// <summary>Raises an alarm, unless it is active already.</summary>
    public static void Activate(WriteState state, ulong member, AlarmType alarm)
    {
        var before = state.Alarms;
        if (before.Contains((member, alarm)))
            return;

        state.Alarms = before.Add((member, alarm));
        state.Batch.Append.Side.Add(AlarmRow.Of(member, alarm));
        state.Batch.Undo.Add(() => state.Alarms = before);
    }

    /// <summary>Takes an alarm back; false when it was not active.</summary>
    public static bool Deactivate(WriteState state, ulong member, AlarmType alarm)
    {
        var before = state.Alarms;
        if (!before.Contains((member, alarm)))
            return false;

        state.Alarms = before.Remove((member, alarm));
        state.Batch.Append.Side.Add(AlarmRow.Of(member, alarm) with { Value = null });
        state.Batch.Undo.Add(() => state.Alarms = before);
        return true;
    }
}
