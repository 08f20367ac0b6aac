throw new Error("the native runtime has no MQTT yet");

export const MqttClient = undefined;
